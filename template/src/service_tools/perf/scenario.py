# kit: updated by the template; extend it from app.py
"""The files of perf/scenarios/: the requests that clients send, how often, what they expect, and
what that may cost.
"""

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
VALUE = re.compile(r"\$(?:\$|\{(\w+)\})")
"""What stands for a value in a text, `${name}`; or `$$`, which stands for a dollar sign."""

FIRST_DAY, DAYS = 1_000_001, 2_650_000
"""Days from the year 2738 on, which repeat after as many: sample rows count theirs from the year
1."""

FRESH: Mapping[str, Callable[[int], object]] = {
    "day": lambda number: date.fromordinal(FIRST_DAY + number % DAYS).isoformat(),
    "decimal": lambda number: f"{number // 1_000_000}.{number % 1_000_000:06}",
    "moment": lambda number: datetime.fromtimestamp(number / 1_000_000, UTC).isoformat(),
    "number": int,
    "uuid": lambda _: str(uuid4()),
}
"""Makes a value that no row has yet, from a number that no call had before."""

Positive = Annotated[float, Meta(gt=0)]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of request, like "GET /v1/orders/${id}", sent as often as its share of all weights.

    `body` is JSON. `p99_ms` is its budget.
    """

    name: str
    request: str
    body: str = ""
    weight: Positive = 1
    expect: Annotated[int, Meta(ge=100, le=599)] = 200
    p99_ms: Positive | None = None


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request before the run, and what is taken from its answer, like "data.id" of each row.

    `pages` are followed by their `Link`.
    """

    request: str
    take: str
    body: str = ""
    pages: Annotated[int, Meta(ge=1, le=1000)] = 1


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables of a file. `values` are what `${name}` in the requests, bodies and headers may
    stand for.
    """

    steps: Annotated[Sequence[Step], Meta(min_length=1)]
    values: Mapping[str, Source] = {}
    headers: Mapping[str, str] = {}


def find(names: Sequence[str], folder: Path = FOLDER) -> dict[str, Scenario]:
    """Return the scenarios of these names, or all of a folder. Raises `CommandError`."""
    known = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if not known:
        advice = "`service new` writes one for a new slice; for another, copy one and name its own requests"
        raise CommandError(f"There is no scenario in {folder.absolute()}: {advice}.")
    if unknown := next((name for name in names if name not in known), None):
        raise CommandError(
            f"There is no scenario {unknown}. There are {', '.join(known)}, in {folder}/."
        )
    return {name: read(known[name]) for name in names or known}


def read(path: Path) -> Scenario:
    """Return the scenario of a file. Raises `CommandError`."""
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Scenario)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CommandError(f"{path}: {error}. Correct the file.") from None
    if fault := next(find_faults(scenario), None):
        raise CommandError(f"{path}: {fault}.")
    return scenario


def find_faults(scenario: Scenario) -> Iterator[str]:
    """Yield what the types do not tell."""
    names = [step.name for step in scenario.steps]
    if repeated := {name for name in names if names.count(name) > 1}:
        yield f"two steps are called {min(repeated)}; rename one"
    known = set(FRESH)
    requests: list[tuple[str, Source | Step]] = [
        *scenario.values.items(),
        *((it.name, it) for it in scenario.steps),
    ]
    for name, request in requests:
        if not re.fullmatch(r"[A-Z]+ /\S*", request.request):
            yield f"{name}: write the request as a method and a path, like GET /v1/orders"
        yield from find_unknown(name, request.request + request.body, known)
        known |= {name} if isinstance(request, Source) else set()
    for name, text in scenario.headers.items():
        yield from find_unknown(name, text, known)


def find_unknown(place: str, text: str, known: set[str]) -> Iterator[str]:
    """Yield the names in a text that stand for nothing."""
    if "$" in VALUE.sub("", text):
        yield f"{place}: a dollar sign that begins no ${{name}} is written $$"
    for name in VALUE.findall(text):
        if name and name not in known:
            yield f"{place}: ${{{name}}} is not known here; there are {', '.join(sorted(known))}"
