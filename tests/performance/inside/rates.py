"""What a rate costs for each request, in a worker and over all. Arguments: folder, rounds, requests."""

import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import uvloop
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.db.sessions import DatabaseOptions
from service.kit.migrate.apply import apply_pending
from service.kit.migrate.files import MigrationOptions
from service.kit.web.rates import RateLimit
from service.kit.web.routes import Rate
from service.kit.work.problems import Problem
from service_tools.dev import embedded

MANY = Rate(1_000_000, per=1)
"""Nobody is refused."""


def make_requests(requests):
    """Return requests of a hundred callers in turn."""
    return [
        {"client": (f"198.51.100.{number % 100}", 1), "headers": [], "path_template": "/"} for number in range(requests)
    ]


async def refuse(limit, requests):
    """Send requests of callers that have used up their rate, as this worker knows."""
    for scope in requests:
        with suppress(Problem):
            await limit.take(scope)


async def take(limit, requests):
    for scope in requests:
        await limit.take(scope)


async def measure(url, rounds, count):
    """Measure and print."""
    options = DatabaseOptions(url=SecretStr(url))
    async for _ in apply_pending(options, MigrationOptions()):
        pass
    owner = await asyncpg.connect(url)
    requests = make_requests(count)
    async with Database(options) as db:
        used_up = RateLimit(Rate(1, per=86_400), db, "used up")
        await refuse(used_up, requests)
        ways = {
            "in each worker": (RateLimit(MANY), take, "unlogged"),
            "over all workers": (RateLimit(MANY, db, "all"), take, "unlogged"),
            "the same, in a logged table": (RateLimit(MANY, db, "all"), take, "logged"),
            "refused as the worker knows": (used_up, refuse, "unlogged"),
        }
        costs = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (limit, send, table) in ways.items():
                await owner.execute(f"alter table kit.rates set {table}")
                await send(limit, requests[:100])
                began, used = time.perf_counter(), time.process_time()
                await send(limit, requests)
                spent = time.perf_counter() - began, time.process_time() - used
                costs[name].append([seconds / count * 1e6 for seconds in spent])
    for name, values in costs.items():
        whole, own = zip(*values, strict=True)
        spread = f"from {min(whole):.1f} to {max(whole):.1f}"
        print(f"{name:30}{statistics.median(whole):7.1f} us, {spread}; processor {statistics.median(own):.1f} us")
    await owner.close()


if __name__ == "__main__":
    with embedded.run_postgresql(Path(sys.argv[1])) as url:
        uvloop.run(measure(url, int(sys.argv[2]), int(sys.argv[3])))
