# kit: updated by the template; extend it from app.py
"""Stacks of frames, written as `file:line function`: which line of the service each stack stands
on, and how much.
"""

import linecache
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.kit import PACKAGE
from service_tools.pages import Page
from service_tools.perf import charts

type Stack = tuple[str, ...]

PLACE = re.compile(r"(.*?):(\d+)(?: (.*))?$")
SHOWN = 10
UNKNOWN = "<unknown>:0"
"""What tracemalloc has for an allocation below no frame of Python."""


def find_line(stack: Sequence[str]) -> str:
    """Return the innermost frame of the service; or of the kit, or the innermost at all."""
    kit = [frame for frame in stack if f"/{PACKAGE}/kit/" in frame]
    own = [
        frame
        for frame in stack
        if f"/{PACKAGE}/" in frame and "site-packages" not in frame and frame not in kit
    ]
    return (own or kit or [*stack] or ["?"])[-1]


def shorten(frame: str) -> str:
    """Return a frame whose path begins at the project, or in a package."""
    if frame == UNKNOWN:
        return "not in Python"
    path = frame.partition("site-packages/")[2] or frame.partition(f"{Path.cwd()}/")[2] or frame
    return re.sub(r"^.*/(lib/python3\.\d+)/", r"\1/", path)


def quote(frame: str) -> str:
    """Return where a frame stands, with its source."""
    return ": ".join(filter(None, (shorten(frame), read_source(frame))))


def read_source(frame: str) -> str:
    """Return the source of the line that a frame stands on, as far as there is one."""
    found = PLACE.match(frame)
    return linecache.getline(found[1], int(found[2])).strip() if found else ""


def label(frame: str) -> str:
    """Return how a frame is written in a flame graph: all lines of a function are one."""
    found = PLACE.match(shorten(frame))
    if not found:
        return frame
    return f"{found[3]} ({found[1]})" if found[3] else f"{found[1]}:{found[2]}"


def show_flame(page: Page, title: str, stacks: Mapping[Stack, float], unit: str) -> None:
    merged: defaultdict[Stack, float] = defaultdict(float)
    for stack, weight in stacks.items():
        merged[tuple(map(label, stack))] += weight
    page.show(title, charts.flame(merged, unit))
    page.remark(
        f"Width is {unit}; a frame stands on its caller. Blue is the service, green the kit, yellow the rest."
    )


def show_lines(page: Page, title: str, stacks: Mapping[Stack, float]) -> None:
    """Show the lines of the service with what is found on them or below, the largest first."""
    sums: defaultdict[str, float] = defaultdict(float)
    names: dict[str, str] = {}
    for stack, weight in stacks.items():
        frame = find_line(stack)
        sums[names.setdefault(frame.partition(" ")[0], frame)] += weight
    total, largest = (
        sum(sums.values()) or 1,
        sorted(sums.items(), key=lambda item: -item[1])[:SHOWN],
    )
    rows = [
        (f"{it:,.0f}", f"{it / total:.1%}", shorten(line), read_source(line))
        for line, it in largest
    ]
    page.tabulate([title, "share", "line of the service", "source"], rows, texts=[2, 3])
