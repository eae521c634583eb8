"""What the processes hold at rest, before the faults and after them, and how their memory grows."""

import asyncio
import statistics
import time
from typing import NamedTuple

from soak.site import Site

BYTES = 1_000_000

HELD = """
select count(*) as connections, count(*) filter (where state <> 'idle') as busy
  from pg_stat_activity
 where application_name = 'service'
"""


class Rest(NamedTuple):
    """The connections of all, those of them that are busy, and the most that any one worker holds."""

    connections: int
    busy: int
    tasks: int
    descriptors: int


class Slope(NamedTuple):
    """How memory grows, in MB a minute; how uncertain that is: two standard errors; and for how long it was watched."""

    growth: float
    noise: float
    minutes: float


async def look(site: Site) -> Rest:
    """Return what is held once nobody asks for anything, and what was asked for is done."""
    for _ in range(100):
        await asyncio.sleep(0.2)
        [(connections, busy)] = await site.ask(HELD)
        if not busy:
            break
    workers = await site.find_workers()
    tasks = [len(await asyncio.to_thread(worker.ask, "tasks")) for worker in workers]
    return Rest(connections, busy, max(tasks), max(worker.process.num_fds() for worker in workers))


async def watch_memory(site: Site, seconds: float) -> list[Slope]:
    """Return the slope of each worker under steady load. The first half of the time is for warming up."""
    await asyncio.sleep(seconds / 2)
    samples: dict[int, list[tuple[float, float]]] = {}
    until = time.monotonic() + seconds / 2
    while time.monotonic() < until:
        for worker in await site.find_workers():
            sample = time.monotonic() / 60, worker.process.memory_info().rss / BYTES
            samples.setdefault(worker.process.pid, []).append(sample)
        await asyncio.sleep(0.25)
    return [fit(points) for points in samples.values() if len(points) > 2]


def fit(points: list[tuple[float, float]]) -> Slope:
    """Return the slope of a line through the points."""
    times, sizes = zip(*points, strict=True)
    growth, start = statistics.linear_regression(times, sizes)
    rest = sum((size - start - growth * at) ** 2 for at, size in points)
    spread = sum((at - statistics.fmean(times)) ** 2 for at in times)
    return Slope(growth, 2 * (rest / (len(points) - 2) / spread) ** 0.5, times[-1] - times[0])
