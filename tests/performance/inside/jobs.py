"""What jobs cost and survive. Arguments: folder, rounds, seconds, number of jobs, number of jobs that are held."""

import asyncio
import statistics
import sys
import time
from pathlib import Path

import uvloop
from inside.jobs import queue
from inside.jobs.working import NOTHING, WRITE, Task
from pgqueuer.adapters.persistence import schema_ddl
from pgqueuer.domain.schema.declaration import target
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions
from service.kit.jobs.queue import enqueue, enqueue_all
from service.kit.jobs.statements import NAMES
from service_tools.dev import embedded

BATCH = 100
write = Query("insert into rows_written (number) values ($1)", int, tuple[int])


async def enqueue_for(db, seconds, clients, many):
    """Return how many jobs a second so many clients enqueue, each in transactions of its own."""
    ends = time.monotonic() + seconds
    done = 0

    async def client():
        nonlocal done
        while time.monotonic() < ends:
            async with db.transaction() as connection:
                await connection.fetch(write, done)
                if many == 1:
                    await enqueue(connection, NOTHING, Task(done))
                else:
                    await enqueue_all(connection, NOTHING, [Task(done)] * many)
            done += many

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.monotonic() - began)


async def add_trigger(url):
    """Add the trigger that PgQueuer would have, for comparison."""
    schema = target(NAMES)
    for function, trigger in zip(schema.functions, schema.triggers, strict=True):
        await queue.execute(url, schema_ddl.render_function(function, NAMES))
        await queue.execute(url, schema_ddl.render_trigger(trigger, NAMES))


async def measure_enqueue(url, rounds, seconds):
    """Print how fast jobs are enqueued."""
    await add_trigger(url)
    ways = {
        "1 client, one job in each transaction": ("disable", 1, 1),
        "16 clients, one job in each transaction": ("disable", 16, 1),
        "16 clients, with PgQueuer's trigger": ("enable", 16, 1),
        f"1 client, {BATCH} jobs in each transaction": ("disable", 1, BATCH),
    }
    rates = {name: [] for name in ways}
    async with Database(DatabaseOptions(url=SecretStr(url), pool_size=16)) as db:
        for _ in range(rounds):
            for name, way in ways.items():
                await queue.execute(url, f"alter table kit.pgqueuer {way[0]} trigger all")
                rates[name].append(await enqueue_for(db, seconds, *way[1:]))
                await queue.execute(url, "truncate kit.pgqueuer, kit.pgqueuer_log")
    await queue.execute(url, "alter table kit.pgqueuer disable trigger all")
    for name, values in rates.items():
        spread = f"from {min(values):,.0f} to {max(values):,.0f}"
        print(f"{name:42}{statistics.median(values):10,.1f} jobs a second, {spread}")


async def measure_runs(url, folder, count):
    """Print how fast one worker runs jobs that do nothing, by its default settings and with more of them at once."""
    async with Database(DatabaseOptions(url=SecretStr(url))) as db:
        for settings in ({}, {"JOBS_CONCURRENCY": "100", "JOBS_POOL_SIZE": "10"}):
            async with db.transaction() as connection:
                await enqueue_all(connection, NOTHING, [Task(0)] * count)
            with queue.work(url, folder, **settings):
                await queue.wait_until(lambda: has_fewer(url, count), 60)
                began = time.monotonic()
                left = await count_jobs(url)
                await queue.wait_until(lambda: has_fewer(url, 1), 600)
                rate = left / (time.monotonic() - began)
            print(f"one worker, {settings.get('JOBS_CONCURRENCY', '10'):>3} jobs at once{rate:25,.1f} jobs a second")


async def count_jobs(url):
    """Return how many jobs are in the queue."""
    return await queue.ask(url, "select count(*) from kit.pgqueuer")


async def has_fewer(url, count):
    """Return whether fewer jobs are left."""
    return await count_jobs(url) < count


async def measure_kill(url, folder, held):
    """Print what becomes of the jobs of a worker process that is killed a second after it has begun all of them."""
    settings = {"JOBS_CONCURRENCY": str(held), "JOBS_POOL_SIZE": "10"}
    patience = {"DATABASE_POOL_WAITERS": "1000", "DATABASE_ACQUIRE_TIMEOUT": "1.9"}
    async with Database(DatabaseOptions(url=SecretStr(url))) as db, db.transaction() as connection:
        await enqueue_all(connection, WRITE, [Task(number, seconds=2 + number % 10) for number in range(held)])
    with queue.work(url, folder, **patience, **settings) as process:
        await queue.wait_until(lambda: has_begun(url, held), 120)
        await asyncio.sleep(1)
        left = await count_jobs(url)
        queue.find_child(process).kill()
        began = time.monotonic()
        await queue.wait_until(lambda: has_fewer(url, 1), 120)
        seconds = time.monotonic() - began
    runs = await queue.ask(url, "select count(*) from runs")
    effects = await queue.ask(url, "select count(distinct number) from effects")
    twice = await queue.ask(url, "select count(*) - count(distinct number) from effects")
    print(
        f"{held} jobs of 2 to 11 s, killed with {left} to go: {effects} took effect, {twice} of them twice, in {runs} "
        f"runs, of which {runs - held} repeat one; all was done {seconds:.1f} s after the kill"
    )


async def has_begun(url, count):
    """Return whether so many runs have begun."""
    return await queue.ask(url, "select count(*) from runs") >= count


async def measure(url, folder, rounds, seconds, count, held):
    """Measure and print all of it."""
    await queue.migrate(url)
    await queue.make_tables(url)
    await queue.execute(url, "create table rows_written (number bigint)")
    await measure_enqueue(url, rounds, seconds)
    await measure_runs(url, folder, count)
    await measure_kill(url, folder, held)


if __name__ == "__main__":
    data = Path(sys.argv[1])
    with embedded.run_postgresql(data) as url:
        numbers = int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
        uvloop.run(measure(url, data.parent / "worker", *numbers))
