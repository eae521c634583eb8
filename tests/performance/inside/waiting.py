"""What jobs cost by how many wait: prints JSON. Arguments: jobs in each round, rounds, numbers of waiting jobs.

It runs in a rendered service. Each number of waiting jobs has a database of its own, and all take turns.
"""

import json
import os
import sys
import time
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import uvloop
from pgqueuer.domain.types import QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from processor import read_cpu
from pydantic import SecretStr
from service.kit.commands.migrate import apply_migrations
from service.kit.db.database import Database
from service.kit.jobs.job import Job
from service.kit.jobs.queue import enqueue
from service.kit.jobs.statements import Statements, make_statements
from service.kit.jobs.upkeep import COUNT_JOBS
from service.kit.server.settings import read_settings
from service.settings import Settings
from service_tools.dev import credentials, database, embedded

CONCURRENCY = 10
BATCH = CONCURRENCY // 2
"""Jobs that a worker runs and takes at once, by default settings."""

FILL = """
insert into kit.pgqueuer (priority, entrypoint, payload, headers, status)
select 0, 'tests.nothing', '{"number": 0}', '{"request_id": ""}', 'queued' from generate_series(1, $1::bigint)
"""


class Task(msgspec.Struct, frozen=True):
    """What to do, which is nothing."""

    number: int


async def do_nothing(task: Task) -> None:
    """Return at once."""


NOTHING = Job("tests.nothing", Task, do_nothing)


@dataclass
class Queue:
    """A queue, the connections of those who enqueue and take jobs, and the processes of PostgreSQL behind them."""

    db: Database
    connection: asyncpg.Connection
    statements: Statements
    pids: list[int]
    costs: dict[str, list[float]]

    @contextmanager
    def measure(self, name: str, count: int) -> Generator[None]:
        """Note the µs of processor time that the block takes for each job, in this process and in PostgreSQL."""
        before = self.read_cpu()
        yield
        self.costs.setdefault(name, []).append((self.read_cpu() - before) / count * 1e6)

    def read_cpu(self) -> float:
        """Return the processor time of this process and of its connections, in seconds."""
        return time.process_time() + sum(map(read_cpu, self.pids))


async def open_queue(stack: AsyncExitStack, settings: Settings, waiting: int) -> Queue:
    """Return a queue in which so many jobs wait."""
    url = await database.create_database(settings.database.url.get_secret_value(), f"jobs_{waiting}")
    options = settings.database.model_copy(update={"url": SecretStr(url), "pool_size": 1, "idle_lifetime": 86_400})
    await apply_migrations(settings.model_copy(update={"database": options}))
    connection = await asyncpg.connect(url)
    stack.push_async_callback(connection.close)
    await connection.execute(FILL, waiting)
    await connection.execute("vacuum (analyze)")
    await connection.execute("checkpoint")
    await connection.execute("set max_parallel_workers_per_gather = 0")  # so that this process does all
    db = await stack.enter_async_context(Database(options))
    async with db.connection() as lent:
        pids = [lent.raw.get_server_pid(), connection.get_server_pid()]
    return Queue(db, connection, make_statements(connection), pids, {})


async def run_round(queue: Queue, count: int) -> None:
    """Enqueue jobs, each in a transaction of its own, take and finish as many, and count all of them."""
    with queue.measure("enqueue a job", count):
        for number in range(count):
            async with queue.db.transaction() as connection:
                await enqueue(connection, NOTHING, Task(number))
    with queue.measure("take and finish a job", count):
        await take(queue.statements, count)
    with queue.measure("count all jobs", 1):
        await queue.connection.fetch(COUNT_JOBS)


async def take(statements: Statements, count: int) -> None:
    """Take so many jobs and finish them, as a worker does."""
    kinds = {NOTHING.name: EntrypointExecutionParameter(0)}
    identity = QueueManagerId(uuid4())
    for _ in range(count // BATCH):
        jobs = await statements.dequeue(BATCH, kinds, identity, CONCURRENCY)
        if len(jobs) != BATCH:
            raise SystemExit(f"{len(jobs)} jobs were taken instead of {BATCH}")
        await statements.log_jobs([(job, "successful", None) for job in jobs])


async def measure(count: int, rounds: int, numbers: list[int]) -> dict[int, dict[str, list[float]]]:
    """Return what jobs cost in each round, by how many wait. A round before the first is not counted."""
    credentials.accept_development_tokens(Settings)
    settings = read_settings(Settings)
    async with AsyncExitStack() as stack:
        queues = {waiting: await open_queue(stack, settings, waiting) for waiting in numbers}
        for number in range(rounds + 1):
            for queue in list(queues.values())[:: 1 if number % 2 else -1]:
                await run_round(queue, count)
        return {waiting: {name: costs[1:] for name, costs in queue.costs.items()} for waiting, queue in queues.items()}


if __name__ == "__main__":
    count, rounds, *numbers = map(int, sys.argv[1:])
    with redirect_stdout(sys.stderr), embedded.run_postgresql(Path(".postgres")) as server:
        os.environ["DATABASE_URL"] = server
        measured = uvloop.run(measure(count, rounds, numbers))
    print(json.dumps(measured))
