# kit: updated by the template; extend it from app.py
"""Stacks of frames, each written as `file:line function`, and the lines of the service in them."""

import linecache
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.kit import PACKAGE
from service_tools.pages import Page
from service_tools.perf.charts import draw_flame_graph
from service_tools.tables import TEXT

type Stack = tuple[str, ...]

FRAME = re.compile(r"(.*?):(\d+)(?: (.*))?$")
MAX_LINES = 10

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
    path = re.sub(r"^.*/(?=lib/python3\.\d+/)", "", frame)
    return path.removeprefix(f"{Path.cwd()}/").rpartition("site-packages/")[2]


def quote(frame: str) -> str:
    """Return where a frame stands, with its source."""
    source = read_source(frame)
    return f"{shorten(frame)}: {source}" if source else shorten(frame)


def read_source(frame: str) -> str:
    """Return the source of the line that a frame stands on, if there is one."""
    found = FRAME.match(frame)
    return linecache.getline(found[1], int(found[2])).strip() if found else ""


def name_function(frame: str) -> str:
    """Return a frame of a flame graph, where all lines of a function are one."""
    return re.sub(r"^(.*?):\d+ (.*)$", r"\2 (\1)", shorten(frame))


def show_flame_graph(page: Page, title: str, stacks: Mapping[Stack, float], unit: str) -> None:
    merged: defaultdict[Stack, float] = defaultdict(float)
    for stack, weight in stacks.items():
        merged[tuple(map(name_function, stack))] += weight
    page.show(title, draw_flame_graph(merged, unit))
    page.remark(
        f"Width is {unit}; a frame stands on its caller. Blue is the service, green the kit, "
        "yellow the rest."
    )


def show_lines(page: Page, title: str, stacks: Mapping[Stack, float]) -> None:
    """Show the lines of the service with what is found on them or below, the largest first."""
    weights: defaultdict[str, float] = defaultdict(float)
    frames: dict[str, str] = {}
    for stack, weight in stacks.items():
        frame = find_line(stack)
        line = frame.partition(" ")[0]
        frames.setdefault(line, frame)
        weights[line] += weight
    total = sum(weights.values()) or 1
    rows = []
    for line in sorted(weights, key=weights.__getitem__, reverse=True)[:MAX_LINES]:
        share = weights[line] / total
        rows.append([weights[line], share, shorten(frames[line]), read_source(line)])
    page.tabulate(
        {title: ",.0f", "share": ".1%", "line of the service": TEXT, "source": TEXT}, rows
    )
