# kit: updated by the template; extend it from app.py
"""The files of perf/scenarios/: the requests that clients send, how often, what they expect, and what that may cost."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Annotated

import msgspec
from msgspec import Meta

from service.kit.edge import CommandError

FOLDER = Path("perf/scenarios")
FRESH = ("day", "decimal", "moment", "number", "uuid")
"""Names that stand for values that no row has yet."""

Positive = Annotated[float, Meta(gt=0)]


class ScenarioError(CommandError):
    """A scenario cannot be read or run. The message says which, why, and what to do."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of request, like "GET /v1/orders/${id}", sent as often as its share of all weights.

    `body` is JSON. `p99_ms` is its budget at a rate, `cpu_us` that of its processor time when it runs alone.
    """

    name: str
    request: str
    body: str = ""
    weight: Positive = 1
    expect: Annotated[int, Meta(ge=100, le=599)] = 200
    p99_ms: Positive | None = None
    cpu_us: Positive | None = None


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request before the run, and what is taken from its answer, like "data.id" of each row.

    `pages` are followed by their `Link`.
    """

    request: str
    take: str
    body: str = ""
    pages: Annotated[int, Meta(ge=1, le=1000)] = 1


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables of a file. `values` are what `${name}` in the requests, bodies and headers may stand for."""

    steps: Annotated[Sequence[Step], Meta(min_length=1)]
    values: Mapping[str, Source] = {}
    headers: Mapping[str, str] = {}


def find(names: Sequence[str], folder: Path = FOLDER) -> dict[str, Scenario]:
    """Return the scenarios of these names, or all of a folder. Raises `ScenarioError`."""
    known = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if not known:
        advice = "`service new` writes one for a new slice; for another, copy one and name its own requests"
        raise ScenarioError(f"There is no scenario in {folder.absolute()}: {advice}.")
    if unknown := next((name for name in names if name not in known), None):
        raise ScenarioError(f"There is no scenario {unknown}. There are {', '.join(known)}, in {folder}/.")
    return {name: read(known[name]) for name in names or known}


def read(path: Path) -> Scenario:
    """Return the scenario of a file. Raises `ScenarioError`."""
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Scenario)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{path}: {error}. Correct the file.") from None
    if fault := next(find_faults(scenario), None):
        raise ScenarioError(f"{path}: {fault}.")
    return scenario


def find_faults(scenario: Scenario) -> Iterator[str]:
    """Yield what the types do not tell."""
    names = [step.name for step in scenario.steps]
    if repeated := {name for name in names if names.count(name) > 1}:
        yield f"two steps are called {min(repeated)}; rename one"
    known = set(FRESH)
    for name, request in [*scenario.values.items(), *((step.name, step) for step in scenario.steps)]:
        if not re.fullmatch(r"[A-Z]+ /\S*", request.request):
            yield f"{name}: write the request as a method and a path, like GET /v1/orders"
        yield from find_unknown(name, request.request + request.body, known)
        known |= {name} if isinstance(request, Source) else set()
    for name, text in scenario.headers.items():
        yield from find_unknown(name, text, known)


def find_unknown(place: str, text: str, known: set[str]) -> Iterator[str]:
    """Yield the names in a text that stand for nothing."""
    template = Template(text)
    if not template.is_valid():
        yield f"{place}: a dollar sign that begins no ${{name}} is written $$"
    for name in template.get_identifiers():
        if name not in known:
            yield f"{place}: ${{{name}}} is not known here; there are {', '.join(sorted(known))}"
