# kit: updated by the template; extend it from app.py
"""Stacks of frames, each written as `file:line function`, and the lines of the service in them."""

import linecache
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path

import service
from service.kit import PACKAGE
from service_tools.pages import Page
from service_tools.perf.flame import Stack, draw_flame_graph
from service_tools.tables import TEXT

FRAME = re.compile(r"(.*?):(\d+)(?: (.*))?$")
SERVICE = re.compile(
    rf"(?:src|site-packages)/{PACKAGE}/(?!.*site-packages/)(?P<file>(?P<kit>kit/)?.*)"
)
"""A path in the service: of a checkout, or installed. A checkout may hold other packages."""

KINDS = ("", "kit", "team")
KIT = 1
TEAM = 2

MAX_LINES = 15

LINE = {"line of the service": TEXT, "source": TEXT}
"""The columns for what `describe_line` returns."""

COLUMNS = {"samples": ",", "share": ".1%", "95 % interval": "", "more in the kit": ".1%", **LINE}

UNKNOWN = "<unknown>:0"
"""The frame that tracemalloc has for an allocation outside of Python."""


def find_line(stack: Sequence[str]) -> str:
    """Return the innermost frame of the service, or else of the kit, or else of all."""
    return max(reversed(stack), key=rank_frame, default="?")


def rank_frame(frame: str) -> int:
    """Return `TEAM` for the service's own code, `KIT` for the kit, and 0 for all else."""
    found = SERVICE.search(frame)
    if not found:
        return 0
    return KIT if found["kit"] else TEAM


def shorten(frame: str) -> str:
    """Return a frame whose path begins at the project, or in a package."""
    if frame == UNKNOWN:
        return "not in Python"
    path = re.sub(r"^.*/(?=lib/python3\.\d+/)", "", frame)
    return path.removeprefix(f"{Path.cwd()}/").rpartition("site-packages/")[2]


def describe_line(frame: str) -> tuple[str, str]:
    """Return the place of a frame, and its source."""
    return shorten(frame), read_source(frame)


def read_source(frame: str) -> str:
    """Return the source of a frame's line, or "" if there is none."""
    found = FRAME.match(frame)
    if not found:
        return ""
    file, number = find_file(found[1]), int(found[2])
    return linecache.getline(file, number).strip()


def find_file(path: str) -> str:
    """Return where a file of the service is here: it may run elsewhere, in a container."""
    found = SERVICE.search(path)
    if not found or Path(path).exists():
        return path
    return str(Path(service.__file__).parent / path[found.start("file") :])


def describe_frame(frame: str) -> tuple[str, str, str]:
    """Return a frame of a flame graph: whose it is, its text, and its place for an editor."""
    found = FRAME.match(frame)
    place = f"{found[1]}:{found[2]}" if found else ""
    name = (found and found[3]) or ""
    text = shorten(frame)
    if name:
        text = f"{name} ({shorten(place)})\n{read_source(frame)}"
    return KINDS[rank_frame(frame)], text, place


def show_flame_graph(page: Page, title: str, stacks: Mapping[Stack, int], unit: str) -> None:
    page.show(title, draw_flame_graph(stacks, unit, describe_frame))
    page.remark(
        f"Width is {unit}; a frame stands on its caller. Blue is the service, green the kit, "
        "yellow the rest."
    )


def estimate_share(count: int, total: int) -> str:
    """Return the 95 % interval of a share of samples, by the formula of Agresti and Coull."""
    trials = total + 4
    share = (count + 2) / trials
    half = 1.96 * sqrt(share * (1 - share) / trials)
    low = max(0, share - half)
    high = min(1, share + half)
    return f"{low:.1%} to {high:.1%}"


def show_lines(page: Page, samples: Mapping[Stack, int]) -> None:
    """Show the lines of the service with their samples, callees included, the largest first.

    What the kit does for a line is told apart: it is not the line's to change.
    """
    own: Counter[str] = Counter()
    in_kit: Counter[str] = Counter()
    frames: dict[str, str] = {}
    for stack, count in samples.items():
        frame = find_line(stack)
        line = frame.partition(" ")[0]
        frames.setdefault(line, frame)
        callees = stack[stack.index(frame) + 1 :]
        counted = in_kit if KIT in map(rank_frame, callees) else own
        counted[line] += count
    total = own.total() + in_kit.total()
    rows = []
    by_count = sorted(frames, key=lambda line: -own[line])
    for line in by_count[:MAX_LINES]:
        count = own[line]
        interval = estimate_share(count, total)
        more = in_kit[line] / total
        place = describe_line(frames[line])
        rows.append([count, count / total, interval, more, *place])
    page.tabulate(COLUMNS, rows)
