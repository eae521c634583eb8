# kit: updated by the template; extend it from app.py
"""Stacks of frames, each written as `file:line function`, and the lines of the service in them."""

import linecache
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.kit import PACKAGE
from service_tools.pages import Page
from service_tools.perf.charts import draw_flame_graph
from service_tools.tables import TEXT

type Stack = tuple[str, ...]

FRAME = re.compile(r"(.*?):(\d+)(?: (.*))?$")
SERVICE = re.compile(rf"(?:src|site-packages)/{PACKAGE}/(?P<kit>kit/)?")
MAX_LINES = 10

UNKNOWN = "<unknown>:0"
"""The frame that tracemalloc has for an allocation outside of Python."""


def find_line(stack: Sequence[str]) -> str:
    """Return the innermost frame of the service, or else of the kit, or else of all."""
    return max(reversed(stack), key=rank_frame, default="?")


def rank_frame(frame: str) -> int:
    """Return 2 for the service's own code, 1 for the kit, and 0 for all else."""
    found = SERVICE.search(frame)
    if not found:
        return 0
    return 1 if found["kit"] else 2


def shorten(frame: str) -> str:
    """Return a frame whose path begins at the project, or in a package."""
    if frame == UNKNOWN:
        return "not in Python"
    path = re.sub(r"^.*/(?=lib/python3\.\d+/)", "", frame)
    return path.removeprefix(f"{Path.cwd()}/").rpartition("site-packages/")[2]


def quote(frame: str) -> str:
    """Return the line of a frame, with its source."""
    source = read_source(frame)
    return f"{shorten(frame)}: {source}" if source else shorten(frame)


def read_source(frame: str) -> str:
    """Return the source of a frame's line, or "" if there is none."""
    found = FRAME.match(frame)
    return linecache.getline(found[1], int(found[2])).strip() if found else ""


def name_function(frame: str) -> str:
    """Return a frame of a flame graph, where all lines of a function are one."""
    return re.sub(r"^(.*?):\d+ (.*)$", r"\2 (\1)", shorten(frame))


def show_flame_graph(page: Page, title: str, stacks: Mapping[Stack, int], unit: str) -> None:
    merged: Counter[Stack] = Counter()
    for stack, weight in stacks.items():
        merged[tuple(map(name_function, stack))] += weight
    page.show(title, draw_flame_graph(merged, unit))
    page.remark(
        f"Width is {unit}; a frame stands on its caller. Blue is the service, green the kit, "
        "yellow the rest."
    )


def show_lines(page: Page, unit: str, stacks: Mapping[Stack, int]) -> None:
    """Show the lines of the service with their weight, callees included, the largest first."""
    weights: Counter[str] = Counter()
    frames: dict[str, str] = {}
    for stack, weight in stacks.items():
        frame = find_line(stack)
        line = frame.partition(" ")[0]
        frames.setdefault(line, frame)
        weights[line] += weight
    total = weights.total() or 1
    rows = []
    for line, weight in weights.most_common(MAX_LINES):
        row = [
            weight,
            weight / total,
            shorten(frames[line]),
            read_source(line),
        ]
        rows.append(row)
    columns = {
        unit: ",",
        "share": ".1%",
        "line of the service": TEXT,
        "source": TEXT,
    }
    page.tabulate(columns, rows)
