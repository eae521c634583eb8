"""A job that ends its process at each run is held, the others run, and who was only there is not held."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from inside.jobs.queue import (
    ask,
    began,
    check_effects,
    count_held,
    find_child,
    is_empty,
    list_jobs,
    put,
    wait_until,
    work,
)
from inside.jobs.working import CRASH, WRITE, Task
from inside.logged import read_log
from service.kit.jobs.job import JobOptions

pytestmark = pytest.mark.faults

ATTEMPTS = JobOptions().attempts
GOOD = 10


def count_deaths(*folders: Path) -> int:
    """Return how often a process of these workers ended."""
    lines = [line["event"] for folder in folders for line in read_log(folder)]
    return lines.count("worker process ended")


async def is_done(url: str, effects: int, held: int) -> bool:
    """Return whether so many took effect, and so many are held, and no other job is left."""
    left = await ask(url, "select count(*) from kit.pgqueuer")
    return left == held == await count_held(url) and effects == await ask(url, "select count(*) from effects")


@pytest.mark.parametrize(("workers", "before"), [(1, [2]), (1, [0, 0.5, 0, 2]), (3, [0, 0.5, 0, 2])], ids=str)
async def test_a_killer_is_held_after_its_attempts_whatever_stands_before_it(
    url: str, workers: int, before: list[float], tmp_path: Path
):
    first = [Task(number, seconds) for number, seconds in enumerate(before)]
    last = [Task(len(first) + number) for number in range(GOOD)]
    await put(url, WRITE, *first)
    await put(url, CRASH, Task(0))
    await put(url, WRITE, *last)
    folders = [tmp_path / str(number) for number in range(workers)]
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(work(url, folder))
        await wait_until(lambda: is_done(url, len(first) + GOOD, held=1), 90)
    await check_effects(url, len(first) + GOOD)
    assert await ask(url, "select max(attempt) from runs") == 1, "an innocent job was blamed"
    (held,) = (await list_jobs(url))["held"]
    assert (held["name"], held["error"]) == ("tests.crash", "WorkerDied")
    assert held["attempts"] == count_deaths(*folders) == ATTEMPTS


async def test_two_killers_are_both_held(url: str, tmp_path: Path):
    await put(url, WRITE, Task(0, seconds=1))
    await put(url, CRASH, Task(0), Task(1))
    await put(url, WRITE, *(Task(number) for number in range(1, GOOD)))
    with work(url, tmp_path):
        await wait_until(lambda: is_done(url, GOOD, held=2), 120)
    await check_effects(url, GOOD)
    assert await ask(url, "select max(attempt) from runs") == 1, "an innocent job was blamed"
    assert count_deaths(tmp_path) <= 2 * ATTEMPTS


async def test_as_many_kills_as_attempts_hold_nobody(url: str, tmp_path: Path):
    await put(url, WRITE, *(Task(number, seconds=4) for number in range(6)))
    with work(url, tmp_path) as process:
        for _ in range(ATTEMPTS):
            runs = await ask(url, "select count(*) from runs")
            await wait_until(lambda runs=runs: began(url, runs + 1))
            find_child(process).kill()
        await wait_until(lambda: is_empty(url), 60)
    await check_effects(url, 6)
