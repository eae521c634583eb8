"""Planted slownesses: each makes a service slow in its own way, and the command that the documents name has to find it.

Each is a folder of diffs, one for each slice. `cases.toml` says what it is, the command, and what this has to name.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
SLICES = ("orders", "shipments")

PLACE = re.compile(r"src/service/(?!kit/)[\w/]+\.py:\d+")
"""A line of the team's own code, as reports name it."""

KEYS = {"statement": ("statement",), "layer": ("first", "limit")}
"""Where reports name a statement, and a layer."""

STACKS = {"stack", "stacks", "frames", "flame"}
"""Keys of reports below which lines are callers, not findings."""


class Case(NamedTuple):
    """One slowness. `wanted` is what has to be found in each slice: lines of source, a statement, or a layer.

    Those that are in both slices at once are found by one run of the command; others are planted `apart`.
    """

    name: str
    planted: str
    command: str
    kind: str
    wanted: dict[str, list[str]]
    apart: bool = False

    @property
    def runs(self) -> list[tuple[str, ...]]:
        """The slices that are planted together."""
        return [(part,) for part in SLICES] if self.apart else [SLICES]


def read() -> list[Case]:
    """Return all cases."""
    return [make_case(name, **table) for name, table in tomllib.loads((FOLDER / "cases.toml").read_text()).items()]


def make_case(name: str, planted: str, command: str, apart: bool = False, **found: dict[str, Any]) -> Case:
    ((kind, wanted),) = found.items()
    lists = {part: [value] if isinstance(value, str) else value for part, value in wanted.items()}
    return Case(name, planted, command, kind, lists, apart)


def find_diff(case: Case, part: str) -> Path:
    return FOLDER / case.name / f"{part}.diff"


def find_missing(case: Case, parts: tuple[str, ...], folder: Path, results: Any) -> list[str]:
    """Return what a report on the service in `folder` does not name first: nothing, if it found what was planted.

    Where two slices are planted together, each has to be the first that is named of its own files.
    """
    missing = []
    for part in parts:
        if case.kind == "line":
            wanted = {*locate(case, part, folder)}
            own = f"src/service/{part}/" if len(parts) > 1 else ""
            named = [place for place in find_places(results) if place.startswith(own)][:1]
        else:
            wanted = {*case.wanted[part]}
            named = [*find_values(choose_scenario(results, part), *KEYS[case.kind])][:1]
        if not wanted & {*named}:
            missing.append(f"{part}: {sorted(wanted)} is not in {named}")
    return missing


def choose_scenario(results: Any, name: str) -> Any:
    """Return what a report says of one scenario."""
    if isinstance(results, dict):
        return results.get(name)
    return [each for each in results or () if each.get("scenario") == name]


def locate(case: Case, part: str, folder: Path) -> Iterator[str]:
    """Yield file and line of the planted lines that may be named."""
    for name in re.findall(r"^\+\+\+ b/(.*\.py)$", find_diff(case, part).read_text(), re.MULTILINE):
        for number, line in enumerate((folder / name).read_text().splitlines(), 1):
            if line.strip() in case.wanted[part]:
                yield f"{name}:{number}"


def find_places(value: Any) -> Iterator[str]:
    """Yield the lines of the service that a report names, in its order."""
    if isinstance(value, str):
        yield from PLACE.findall(value)
    elif isinstance(value, list):
        for each in value:
            yield from find_places(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in STACKS:
                yield from find_places(each)


def find_values(value: Any, *keys: str) -> Iterator[str]:
    """Yield the texts that a report has under some keys, in its order."""
    if isinstance(value, list):
        for each in value:
            yield from find_values(each, *keys)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in keys and isinstance(each, str):
                yield each
            else:
                yield from find_values(each, *keys)
