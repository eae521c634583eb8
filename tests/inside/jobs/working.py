"""A service whose jobs write down that they ran, for tests that kill its worker: `python -m inside.jobs.working`."""

import asyncio
import ctypes
import os
import signal
import time
from contextlib import suppress

import msgspec
from service.kit.commands import cli
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.jobs.job import Hold, Job, JobOptions, Schedule, Worker
from service.kit.jobs.queue import begin_once
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings

TABLES = """
create table runs (
    name text not null,
    number int not null,
    job_id bigint not null,
    attempt int not null,
    since timestamptz not null default clock_timestamp(),
    until timestamptz
);
create table effects (number int not null);
create table people (email text constraint people_email_check check (email like '%@%'));
"""

begin = Query(
    "insert into runs (name, number, job_id, attempt) values ($1, $2, $3, $4)", int, params=tuple[str, int, int, int]
)
end = Query("update runs set until = clock_timestamp() where job_id = $1", int, params=tuple[int])
affect = Query("insert into effects (number) values ($1)", int, params=tuple[int])
count_effects = Query("select count(*) from effects where number = $1", int, params=tuple[int])
note_person = Query("insert into people (email) values ($1)", int, params=tuple[str])


class Settings(KitSettings):
    """What a service of today has."""

    jobs: JobOptions = JobOptions()


class Task(msgspec.Struct, frozen=True):
    """A number to write down, after so many seconds."""

    number: int
    seconds: float = 0


async def write(task: Task, job_id: int, attempt: int, db: Database) -> None:
    """Write down that a run began, wait, and take effect once."""
    await db.fetch(begin, "write", task.number, job_id, attempt)
    await asyncio.sleep(task.seconds)
    async with db.transaction() as connection:
        if await begin_once(connection, job_id):
            await connection.fetch(affect, task.number)
    await db.fetch(end, job_id)


async def fail(task: Task, job_id: int, attempt: int, db: Database) -> None:
    """Fail until an effect of the same number is there."""
    await db.fetch(begin, "fail", task.number, job_id, attempt)
    if not await db.fetch_one(count_effects, task.number):
        raise RuntimeError(f"number {task.number} is broken")


async def refuse(task: Task) -> None:
    """Refuse for good."""
    raise Hold(f"number {task.number} is not acceptable")


async def wait_for_cancelled(task: Task) -> None:
    """Wait for what nobody will finish."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def cancel_itself(task: Task) -> None:
    """Cancel the task that it runs in, as a library may that cancels its caller."""
    current = asyncio.current_task()
    assert current
    current.cancel()
    await asyncio.sleep(0)


async def die(task: Task, job_id: int, attempt: int, db: Database) -> None:
    """End the process, as the system does when memory is short."""
    await db.fetch(begin, "die", task.number, job_id, attempt)
    os.kill(os.getpid(), signal.SIGKILL)


async def exit_soon(task: Task, job_id: int, attempt: int, db: Database) -> None:
    """End the process, as a library in C might."""
    await db.fetch(begin, "exit", task.number, job_id, attempt)
    await asyncio.sleep(task.seconds)
    os._exit(3)


async def crash(task: Task) -> None:
    """End the process by a fault of the hardware, before anything else is done or written."""
    ctypes.string_at(0)


class Unreadable(Exception):
    """Has no text: to ask for it raises."""

    def __str__(self) -> str:
        raise AttributeError("no text")


def make_failure(number: int) -> BaseException:
    """Return what is hard to record."""
    return (
        ValueError("a\x00b"),
        ValueError("a\ud800b"),
        ValueError("x" * 50_000_000),
        BaseExceptionGroup("several", [SystemExit(3), ValueError("a\x00b")]),
        Unreadable(),
        SystemExit("over"),
        ExceptionGroup("many", [ValueError(str(index)) for index in range(1_000)]),
    )[number]


FAILURES = 7
"""How many `make_failure` knows."""


async def fail_badly(task: Task) -> None:
    """Raise what is hard to record."""
    raise make_failure(task.number)


async def swallow(task: Task, job_id: int, attempt: int, db: Database) -> None:
    """Go on for ever, whoever wants it to end."""
    await db.fetch(begin, "swallow", task.number, job_id, attempt)
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def break_check(task: Task, db: Database) -> None:
    """Store what the table refuses. PostgreSQL's error quotes the whole row."""
    await db.fetch(note_person, f"ada{task.number} at example.com")


async def block(task: Task) -> None:
    """Block the event loop."""
    time.sleep(task.seconds)  # noqa: ASYNC251 - that is what it is for


async def do_nothing(task: Task) -> None:
    """Return at once."""


NOTHING = Job("tests.nothing", Task, do_nothing)
WRITE = Job("tests.write", Task, write)
NARROW = Job("tests.narrow", Task, write, concurrency=3)
FAIL = Job("tests.fail", Task, fail, attempts=3)
REFUSE = Job("tests.refuse", Task, refuse)
CANCELLED = Job("tests.cancelled", Task, wait_for_cancelled, attempts=1)
CANCELLING = Job("tests.cancelling", Task, cancel_itself, attempts=1)
SHORT = Job("tests.short", Task, write, attempts=1, timeout=0.2)
DIE = Job("tests.die", Task, die, attempts=2)
EXIT = Job("tests.exit", Task, exit_soon, attempts=2)
CRASH = Job("tests.crash", Task, crash)
SWALLOW = Job("tests.swallow", Task, swallow)
OVERDUE = Job("tests.overdue", Task, swallow, attempts=2, timeout=0.5)
BAD = Job("tests.bad", Task, fail_badly, attempts=2)
PERSON = Job("tests.person", Task, break_check, attempts=2)
DOOMED = Job("tests.doomed", Task, write, attempts=2)
BLOCK = Job("tests.block", Task, block, attempts=1)
EVERY_2_SECONDS, DAILY = "* * * * * */2", "0 3 * * *"


def create_worker() -> Worker:
    """Return the worker."""
    settings = read_settings(Settings)
    configure_logs(settings.log)
    db = Database(settings.jobs.share(settings.database))
    jobs = (
        NOTHING,
        WRITE,
        NARROW,
        FAIL,
        REFUSE,
        CANCELLED,
        CANCELLING,
        SHORT,
        DIE,
        EXIT,
        CRASH,
        SWALLOW,
        OVERDUE,
        BAD,
        PERSON,
        DOOMED,
        BLOCK,
    )
    return Worker(jobs, settings.jobs, settings, resources=[db], provide=[db])


def create_clock() -> Worker:
    """Return a worker with nothing but schedules."""
    settings = read_settings(Settings)
    configure_logs(settings.log)
    db = Database(settings.jobs.share(settings.database))
    jobs = [Schedule(EVERY_2_SECONDS, WRITE, Task(7)), Schedule(DAILY, NOTHING, Task(8))]
    return Worker(jobs, settings.jobs, settings, resources=[db], provide=[db])


if __name__ == "__main__":
    factory = os.environ.get("FACTORY", "create_worker")
    cli.service(obj=ServiceDefinition(Settings, (), "", f"inside.jobs.working:{factory}" if factory else None))
