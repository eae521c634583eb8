# kit: updated by the template; extend it from app.py
"""The files of perf/scenarios/: the requests of clients, how often, and what they may cost."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import msgspec
from msgspec import Meta

from service.kit.work.command_error import CommandError

FOLDER = Path("perf/scenarios")

PLACEHOLDER = re.compile(r"\$(?:\$|\{(\w+)\})")
"""`${name}`, which stands for a value; or `$$`, which stands for a dollar sign."""

# Days from the year 2738 on, which then repeat. Those of sample rows count from the year 1.
FIRST_DAY = 1_000_001
DAYS = 2_650_000

FRESH: Mapping[str, Callable[[int], object]] = {
    "day": lambda number: date.fromordinal(FIRST_DAY + number % DAYS).isoformat(),
    "decimal": lambda number: f"{number / 1_000_000:.6f}",
    "moment": lambda number: datetime.fromtimestamp(number / 1_000_000, UTC).isoformat(),
    "number": int,
    "uuid": lambda _: str(uuid4()),
}
"""Functions that make a value that no row has yet, from a number that no request had before."""

Positive = Annotated[float, Meta(gt=0)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a scenario's file."""


class Step(Table, frozen=True):
    """One kind of request, like "GET /v1/orders/${id}", sent as often as its share of all weights.

    `body` is JSON. `p99_ms` is its budget.
    """

    name: str
    request: str
    body: str = ""
    weight: Positive = 1
    expect: Annotated[int, Meta(ge=100, le=599)] = 200
    p99_ms: Positive | None = None


class Source(Table, frozen=True):
    """A request before the run, and what is taken from its answer, like "data.id" of each row.

    Up to `pages` pages are read, by their `Link`.
    """

    request: str
    take: str
    body: str = ""
    pages: Annotated[int, Meta(ge=1, le=1000)] = 1


class Scenario(Table, frozen=True):
    """The content of a file.

    `values` are what `${name}` in the requests, bodies and headers may stand for.
    """

    steps: Annotated[Sequence[Step], Meta(min_length=1)]
    values: Mapping[str, Source] = {}
    headers: Mapping[str, str] = {}


def find_scenarios(names: Sequence[str], folder: Path = FOLDER) -> dict[str, Scenario]:
    """Return the scenarios of these names, or all of a folder. Raises `CommandError`."""
    paths = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if not paths:
        raise CommandError(
            f"There is no scenario in {folder.absolute()}: "
            "run `service new` for a slice, or copy the scenario of another service."
        )
    for name in names:
        if name not in paths:
            raise CommandError(
                f"There is no scenario {name}. There are {', '.join(paths)}, in {folder}/."
            )
    return {name: read_scenario(paths[name]) for name in names or paths}


def read_scenario(path: Path) -> Scenario:
    """Return the scenario of a file. Raises `CommandError`."""
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Scenario)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CommandError(f"{path}: {error}. Correct the file.") from None
    for fault in find_faults(scenario):
        raise CommandError(f"{path}: {fault}.")
    return scenario


def find_faults(scenario: Scenario) -> Iterator[str]:
    """Yield what is wrong with a scenario beyond its types."""
    known = set(FRESH)
    for name, source in scenario.values.items():
        yield from check_request(name, source, known)
        known.add(name)
    names = set[str]()
    for step in scenario.steps:
        if step.name in names:
            yield f"two steps are called {step.name}; rename one"
        names.add(step.name)
        yield from check_request(step.name, step, known)
    for name, text in scenario.headers.items():
        yield from check_placeholders(name, text, known)


def check_request(name: str, request: Source | Step, known: set[str]) -> Iterator[str]:
    if not re.fullmatch(r"[A-Z]+ /\S*", request.request):
        yield f"{name}: write the request as a method and a path, like GET /v1/orders"
    yield from check_placeholders(name, request.request + request.body, known)


def check_placeholders(owner: str, text: str, known: set[str]) -> Iterator[str]:
    if "$" in PLACEHOLDER.sub("", text):
        yield f"{owner}: write a dollar sign that begins no ${{name}} as $$"
    for name in PLACEHOLDER.findall(text):
        if name and name not in known:
            names = ", ".join(sorted(known))
            yield f"{owner}: ${{{name}}} is not known here; there are {names}"
