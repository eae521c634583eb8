"""A queue to test with: its database, workers on it, and questions about what became of the jobs."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from inside import schema
from inside.jobs import working
from inside.jobs.working import Task
from inside.logged import find_lines
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.db.sessions import DatabaseOptions
from service.kit.jobs.job import Job
from service.kit.jobs.queue import enqueue_all

from tests.kit import processes
from tests.kit.processes import ROOT

COMMAND = [sys.executable, "-m", working.__name__]
QUICK = {"JOBS_BACKOFF": "0.1", "JOBS_HEARTBEAT": "2", "JOBS_POLL_INTERVAL": "0.1", "PYTHONPATH": str(ROOT)}


async def migrate(url: str) -> None:
    """Apply the migrations of the kit."""
    await schema.apply(url, ROOT / "migrations")


async def make_tables(url: str) -> None:
    """Make the tables that the jobs write into."""
    await execute(url, working.TABLES)


async def execute(url: str, statement: str, *args: object) -> list[asyncpg.Record]:
    """Run a statement, on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        if args or statement.lstrip().startswith("select"):
            return await connection.fetch(statement, *args)
        await connection.execute(statement)
        return []
    finally:
        await connection.close()


async def ask(url: str, question: str) -> Any:
    """Return the first value of the answer."""
    (record, *_) = await execute(url, question)
    return record[0]


async def wait_until(question: Callable[[], Awaitable[object]], seconds: float = 120) -> None:
    """Return when the answer is true."""
    deadline = time.monotonic() + seconds
    while not await question():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def open_database(url: str) -> AsyncGenerator[Database]:
    """Open a pool, as whoever enqueues has one."""
    async with Database(DatabaseOptions(url=SecretStr(url))) as db:
        yield db


@contextmanager
def work(url: str, folder: Path, **settings: str) -> Generator[subprocess.Popen[bytes]]:
    """Run `service worker`, and stop it afterwards. Its log is folder/output."""
    folder.mkdir(exist_ok=True)
    with processes.start("worker", cwd=folder, command=COMMAND, DATABASE_URL=url, **QUICK | settings) as process:
        yield process


def find_child(process: subprocess.Popen[bytes]) -> psutil.Process:
    """Return the process that runs the jobs of a supervisor."""
    children = psutil.Process(process.pid).children()
    return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))


async def list_jobs(url: str, *arguments: str) -> dict[str, Any]:
    """Return what `service jobs list` says."""
    result = await asyncio.to_thread(run, "jobs", "list", "--json", *arguments, url=url)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def run(*arguments: str, url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the service to its end."""
    env = processes.make_environment({"DATABASE_URL": url, "PYTHONPATH": str(ROOT)} | settings)
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, check=False, timeout=30)


async def put(url: str, job: Job, *tasks: Task) -> list[int]:
    """Enqueue jobs in one transaction, and return their ids."""
    async with open_database(url) as db, db.transaction() as connection:
        return await enqueue_all(connection, job, tasks)


async def is_empty(url: str) -> bool:
    """Return whether no job is left, not even a held one."""
    return not await ask(url, "select count(*) from kit.pgqueuer")


async def count_held(url: str) -> int:
    """Return how many jobs are held."""
    return await ask(url, "select count(*) from kit.pgqueuer where status = 'failed'")


async def count_picked(url: str) -> int:
    """Return how many jobs are with a worker."""
    return await ask(url, "select count(*) from kit.pgqueuer where status = 'picked'")


async def began(url: str, count: int) -> bool:
    """Return whether so many runs have begun."""
    return await ask(url, "select count(*) from runs") >= count


async def check_effects(url: str, count: int) -> int:
    """Each number took effect once; return how many runs repeated another."""
    effects = await ask(url, "select array_agg(number order by number) from effects")
    assert effects == list(range(count)), f"jobs were lost or done twice: {effects}"
    return await ask(url, "select count(*) - count(distinct job_id) from runs")


def is_logged(folder: Path, event: str) -> bool:
    """Return whether a worker has logged an event."""
    return bool(find_lines(folder, event))
