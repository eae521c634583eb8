"""What a service of many slices costs: its start, its memory, its first request, and its suite."""

import resource
from argparse import Namespace
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from tests.harness import shell
from tests.performance import rendered, servers, start
from tests.performance.curves.curve import Column, Curve, Points, take_turns

SIZES = 3, 10, 50
"""The first is what the example has."""

FIELDS = "number:text!", "customer:uuid@", "total:money", "status:enum(open,paid)@", "due:date?"
REQUESTS = 200
"""Requests before the memory is read."""


def measure(folder: Path, options: Namespace) -> Points:
    """Start services of so many slices in turn, then run the suite of each."""
    with ExitStack() as stack:
        first, *others = options.choose(SIZES)
        folders = {first: folder} | {size: stack.enter_context(rendered.make()) for size in others}
        for size, place in folders.items():
            add_slices(place, size - SIZES[0])
        points = take_starts(folders, options.rounds)
        for size, place in folders.items():
            points[size]["suite"] = [time_suite(place, options.suite)]
    return points


def take_starts(folders: dict[int, Path], rounds: int) -> Points:
    """Start the services in turn, each on a database of its own."""
    with ExitStack() as stack:
        for folder in folders.values():
            stack.enter_context(servers.provide_database(folder, 100, 1))
        return take_turns(list(folders), rounds, lambda size: measure_start(folders[size]))


def add_slices(folder: Path, count: int) -> None:
    """Make so many slices as a team makes them, and record the plans of all."""
    service = ("uv", "run", "--quiet", "service")
    for one, other in list(product("abcdefgh", repeat=2))[:count]:
        shell.run(*service, "new", f"{one}{other}_notes", *FIELDS, "--no-plans", cwd=folder)
    shell.run(*service, "plans", "--record", cwd=folder)
    print(f"a service of {SIZES[0] + count} slices is made", flush=True)


def measure_start(folder: Path) -> dict[str, float]:
    """Start the service, and return what that takes."""
    begun = start.measure(folder, 1, REQUESTS)
    return {
        "first answer": begun.answered,
        "processor time until then": begun.spent,
        "first request": begun.first * 1000,
        "memory": begun.worker,
    }


def time_suite(folder: Path, tests: str) -> float:
    """Run the suite, or the tests of it at a path, and return the seconds of processors that it takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shell.run("uv", "run", "--quiet", "pytest", "--quiet", tests, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


COLUMNS = {
    "first answer": Column("s", digits=2, is_cost=False),
    "processor time until then": Column("s", digits=2),
    "first request": Column("ms", digits=1, is_cost=False),
    "memory": Column("MB"),
    "suite": Column("s of processors"),
}
CURVE = Curve("Slices", "slices", COLUMNS, measure)
