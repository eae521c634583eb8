"""What became of everything that was acknowledged, and what is left that should not be."""

import asyncio
import re
import time

from soak import poison
from soak.load import Load
from soak.rest import Rest, Slope
from soak.site import JOBS_POOL, POOL, WORKERS, Site

JOBS = """
select (select count(*) from orders) + (select count(*) from soak_effects) as expected,
       (select count(*) from kit.jobs_done) as done,
       (select count(*) from kit.pgqueuer where status <> 'failed') as left
"""
JOBS_SECONDS, HARMFUL_SECONDS = 120.0, 20.0

MARGIN = 3
"""Tasks and descriptors that a worker may hold more than before: a probe may be on its way."""

GROWTH = 5.0
"""MB by which a worker may grow while it is watched, beyond the noise: a longer run finds a smaller leak."""

type Window = tuple[float, float]


async def check_writes(site: Site, load: Load) -> list[str]:
    """Every acknowledged order is there, once, under its id, and no older than was acknowledged."""
    rows = await site.ask("select id::text, reference, version from orders")
    stored = {row["reference"]: row for row in rows}
    lost = [name for name, order in load.orders.items() if name not in stored or stored[name]["id"] != order]
    versions = {row["id"]: row["version"] for row in rows}
    undone = [order for order, version in load.versions.items() if versions.get(order, 0) < version]
    twice = len(rows) - len(stored)
    return [
        *([f"{len(lost)} acknowledged orders are lost: {lost[:5]}"] if lost else []),
        *([f"{len(undone)} acknowledged changes are lost: {undone[:5]}"] if undone else []),
        *([f"{twice} orders are there twice"] if twice else []),
    ]


async def check_jobs(site: Site, load: Load) -> list[str]:
    """Each order has its job, and each is done; of those that do harm, each is held, and no other."""
    # Each that ends its process does so five times, and the supervisor then waits up to 5 s.
    until = time.monotonic() + JOBS_SECONDS + HARMFUL_SECONDS * len(load.harmful)
    while True:
        [row] = await site.ask(JOBS)
        if row["done"] == row["expected"] and not row["left"]:
            return await poison.check(site, load)
        if time.monotonic() > until:
            return [f"of {row['expected']} jobs, {row['done']} are done, and {row['left']} are left"]
        await asyncio.sleep(0.5)


def check_cuts(load: Load, windows: list[Window]) -> list[str]:
    """No request is without an answer, but while processes are killed or stopped."""
    stray = [moment for moment in load.cuts if not any(begin <= moment <= end for begin, end in windows)]
    return [f"{len(stray)} requests had no answer although nothing was killed or stopped"] if stray else []


def check_logs(site: Site) -> list[str]:
    """Nothing failed for a reason that the service does not know."""
    failed = re.findall(r'^.*"event":"request failed".*$', site.read_logs(), re.MULTILINE)
    return [f"{len(failed)} requests failed by a bug: {failed[0][:500]}"] if failed else []


def check_rest(before: Rest, after: Rest, slopes: list[Slope]) -> list[str]:
    """Nothing is held that was not held before, and memory does not grow."""
    leaks = [
        f"a worker holds {now} {name}, and held {was}"
        for name, was, now in (
            ("tasks", before.tasks, after.tasks),
            ("descriptors", before.descriptors, after.descriptors),
        )
        if now > was + MARGIN
    ]
    if after.busy:
        leaks.append(f"{after.busy} connections are busy although nobody asks for anything")
    if after.connections > (most := WORKERS * POOL + JOBS_POOL):
        leaks.append(f"{after.connections} connections are open, and the pools have {most}")
    growing = [slope for slope in slopes if (slope.growth - slope.noise) * slope.minutes > GROWTH]
    return leaks + [f"the memory of a worker grows by {it.growth:.1f} ± {it.noise:.1f} MB a minute" for it in growing]
