"""What a replica and PgBouncer cost, and what a failover takes. Arguments: folder, seconds, requests a second."""

import asyncio
import os
import statistics
import sys
import time
from itertools import count
from pathlib import Path

import httpx2
import psutil
from inside import site
from inside.jobs import queue
from inside.postgres_server import Server
from inside.site import Load, Site, is_ready, serve
from processor import read_cpu
from pydantic import SecretStr
from service.kit.auth import keys
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions
from service.settings import Settings
from service_tools.dev import credentials

from tests.kit import processes

POSITION = "select (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint"
LAG = "select extract(epoch from coalesce(replay_lag, '0'))::float from pg_stat_replication"
ORDER = {"customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1999, "item_count": 3}
READ = Query("select number from entries where number = $1", int, tuple[int])
CLIENTS = 8

numbers = count(1_000)


def find_replayer(server: Server) -> psutil.Process:
    """Return the process of a replica that replays what the primary has written."""
    return next(each for each in server.list_processes() if "startup" in " ".join(each.cmdline()))


async def watch_lag(url: str, found: list[float]) -> None:
    """Note the lag of the replica twenty times a second, in ms, as the primary sees it."""
    while True:
        found.append(1000 * await queue.ask(url, LAG))
        await asyncio.sleep(0.05)


async def create_orders(client: httpx2.AsyncClient, urls: list[str], seconds: float, rate: int) -> int:
    """Create orders at a rate for so long, and return how many."""

    async def create(url: str) -> str:
        response = await client.post(f"{url}/v1/orders", json=ORDER | {"reference": f"SO-{next(numbers)}"})
        return str(response.status_code)

    load = Load(create, urls)
    async with load.run(1 / rate):
        await asyncio.sleep(seconds)
    return load.answers["201"]


async def measure_lag(place: Site, client: httpx2.AsyncClient, urls: list[str], seconds: float, rate: int) -> None:
    """Print how far the replica lags at a rate of creates."""
    lags: list[float] = []
    watching = asyncio.create_task(watch_lag(place.primary.url, lags))
    done = await create_orders(client, urls, seconds, rate)
    watching.cancel()
    spread = f"median {statistics.median(lags):.1f} ms, at most {max(lags):.1f} ms"
    print(f"lag at {done / seconds:.1f} creates a second: {spread}")


async def measure_replay(place: Site, client: httpx2.AsyncClient, urls: list[str], seconds: float, rate: int) -> None:
    """Let the replica wait while orders are created and their jobs run, and print what it then has to do for each."""
    await queue.execute(place.primary.url, "checkpoint")
    await place.catch_up()
    await queue.execute(place.replica.url, "select pg_wal_replay_pause()")
    replayer = find_replayer(place.replica)
    begun, used = await queue.ask(place.primary.url, POSITION), read_cpu(replayer.pid)
    done = await create_orders(client, urls, seconds, rate)
    await queue.wait_until(lambda: queue.is_empty(place.primary.url))
    written = await queue.ask(place.primary.url, POSITION) - begun
    await queue.execute(place.replica.url, "select pg_wal_replay_resume()")
    await place.catch_up()
    print(f"{written / done:,.1f} bytes of WAL for each create with its job")
    print(f"{(read_cpu(replayer.pid) - used) / done * 1e6:.1f} µs of the replica's processor time to replay it")


async def measure_pooler(place: Site, seconds: float) -> None:
    """Read by key at full speed, and print what each statement costs PgBouncer."""
    ends = time.monotonic() + seconds
    done = 0

    async def read(db: Database) -> None:
        nonlocal done
        while time.monotonic() < ends:
            await db.find(READ, done)
            done += 1

    urls = {"url": SecretStr(place.pooler.url), "direct_url": SecretStr(place.primary.url)}
    async with Database(DatabaseOptions(pool_size=CLIENTS, **urls)) as db:
        used = read_cpu(place.pooler.process.pid)
        await asyncio.gather(*(read(db) for _ in range(CLIENTS)))
        used = read_cpu(place.pooler.process.pid) - used
    each = f"{used / done * 1e6:.1f} µs of PgBouncer's processor time for each statement"
    print(f"{each}, at {done / seconds:,.1f} a second")


async def measure_failover(place: Site, client: httpx2.AsyncClient, rate: int) -> None:
    """Kill the primary under writes, promote the replica, and print how long it took and what was lost."""
    acknowledged: dict[int, float] = {}

    async def write(url: str) -> str:
        number = next(numbers)
        response = await client.post(f"{url}/entries/{number}")
        if response.status_code == 201:
            acknowledged[number] = time.monotonic()
        return str(response.status_code)

    load = Load(write, place.urls)
    async with load.run(1 / rate):
        await load.wait_for(rate)
        killed_at = time.monotonic()
        await asyncio.to_thread(place.primary.control, "stop", "-m", "immediate")
        began_at = time.monotonic()
        await asyncio.to_thread(place.replica.promote)
        place.pooler.lead_to(place.replica.url)
        promoted_at = time.monotonic()
        async with asyncio.timeout(60):
            while max(acknowledged.values()) < promoted_at:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        healed_at = max(acknowledged.values())
        await load.wait_for(rate)
    stored = await queue.execute(place.replica.url, "select number from entries")
    before = {number for number, answered_at in acknowledged.items() if answered_at < began_at}
    lost = before - {record["number"] for record in stored}
    print(f"promoted in {promoted_at - began_at:.1f} s, and written to {healed_at - promoted_at:.1f} s after that")
    print(
        f"no write for {healed_at - killed_at:.1f} s in all, and {len(lost)} lost of {len(before)} acknowledged before"
    )
    print(f"answers: {', '.join(f'{number} times {status}' for status, number in sorted(load.answers.items()))}")


async def measure(place: Site, folder: Path, seconds: float, rate: int) -> None:
    """Measure all of it on a site."""
    headers = {"Authorization": credentials.make_authorization(Settings, "ada")}
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(headers=headers, timeout=30, limits=limits) as client:
        with (
            serve(place, folder / "one", processes.COMMAND) as (_, one),
            serve(place, folder / "two", processes.COMMAND) as (_, two),
            processes.start("worker", cwd=folder, **place.settings),
        ):
            for url in (one, two):
                await queue.wait_until(lambda url=url: is_ready(url))
            await measure_lag(place, client, [one, two], seconds, rate)
            await measure_replay(place, client, [one, two], seconds, rate)
        await measure_pooler(place, seconds)
        await measure_failover(place, client, rate)


if __name__ == "__main__":
    os.environ["AUTH_SIGNING_KEY"] = keys.make_key()
    credentials.accept_development_tokens(Settings)
    root = Path(sys.argv[1])
    root.mkdir()
    with site.run(root) as running:
        asyncio.run(measure(running, root, float(sys.argv[2]), int(sys.argv[3])))
