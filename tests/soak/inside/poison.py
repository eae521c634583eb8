"""Jobs that do harm, among others that do not, and what must have become of both."""

import asyncio
import ctypes
import random
from contextlib import suppress
from typing import NamedTuple

import msgspec
from inside.jobs import queue
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.jobs.job import Job
from service.kit.jobs.queue import begin_once, enqueue
from soak.load import Load
from soak.site import Site

GOOD = 10
"""Harmless jobs that come with one of each kind that does harm."""

TABLES = """
create table soak_runs (name text not null, number int not null, job_id bigint not null, attempt int not null);
create table soak_effects (number int not null);
"""

HELD = "select id, entrypoint as name from kit.pgqueuer where status = 'failed'"
EFFECTS = "select number, count(*) as times from soak_effects group by number"
RUNS = "select count(*) as runs, count(distinct job_id) as jobs from soak_runs where name = 'soak.good'"

note_run = Query(
    "insert into soak_runs (name, number, job_id, attempt) values ($1, $2, $3, $4)",
    int,
    params=tuple[str, int, int, int],
)
take_effect = Query("insert into soak_effects (number) values ($1)", int, params=tuple[int])


class Dose(msgspec.Struct, frozen=True):
    """The number of a job."""

    number: int


async def kill(dose: Dose, job_id: int, attempt: int, db: Database) -> None:
    """End the process, by a fault of the hardware."""
    await db.fetch(note_run, "soak.kill", dose.number, job_id, attempt)
    ctypes.string_at(0)


async def kill_at_once(dose: Dose) -> None:
    """End the process before anything is written."""
    ctypes.string_at(0)


async def say_badly(dose: Dose, job_id: int, attempt: int, db: Database) -> None:
    """Raise an error whose text PostgreSQL does not store."""
    await db.fetch(note_run, "soak.bad_text", dose.number, job_id, attempt)
    raise ValueError(f"{dose.number}\x00\ud800" + "x" * 1_000_000)


async def never_end(dose: Dose, job_id: int, attempt: int, db: Database) -> None:
    """Wait for what never comes."""
    await db.fetch(note_run, "soak.never_end", dose.number, job_id, attempt)
    await asyncio.get_running_loop().create_future()


async def swallow(dose: Dose, job_id: int, attempt: int, db: Database) -> None:
    """Go on for ever, whoever wants it to end."""
    await db.fetch(note_run, "soak.swallow", dose.number, job_id, attempt)
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def do_good(dose: Dose, job_id: int, attempt: int, db: Database) -> None:
    """Take effect once, after a while."""
    await db.fetch(note_run, "soak.good", dose.number, job_id, attempt)
    await asyncio.sleep(0.05 * (dose.number % 20))
    async with db.transaction() as connection:
        if await begin_once(connection, job_id):
            await connection.fetch(take_effect, dose.number)


HARMFUL = (
    Job("soak.kill", Dose, kill),
    Job("soak.kill_at_once", Dose, kill_at_once),
    Job("soak.bad_text", Dose, say_badly),
    Job("soak.never_end", Dose, never_end, attempts=2, timeout=1),
    Job("soak.swallow", Dose, swallow, attempts=2, timeout=1),
)
HARMLESS = Job("soak.good", Dose, do_good)
JOBS = (*HARMFUL, HARMLESS)


class Tally(NamedTuple):
    """What became of these jobs."""

    harmful: int
    held: int
    harmless: int
    runs: int
    """Of the harmless ones, of which some are repeated: by the death of a process, or a cut."""


async def harmful_jobs_come(site: Site, load: Load, draw: random.Random) -> None:
    """Enqueue one of each kind, in random order, among harmless ones. What is committed must come to its end."""
    jobs = [*HARMFUL, *[HARMLESS] * GOOD]
    async with queue.open_database(site.server.url) as db, db.transaction() as connection:
        for job in draw.sample(jobs, len(jobs)):
            number = next(load.numbers)
            identity = await enqueue(connection, job, Dose(number))
            (load.good if job is HARMLESS else load.harmful)[identity] = number


async def check(site: Site, load: Load) -> list[str]:
    """Each harmful job is held, no other is, and each harmless one took effect once."""
    held = {row["id"]: row["name"] for row in await site.ask(HELD)}
    effects = {row["number"]: row["times"] for row in await site.ask(EFFECTS)}
    at_large = load.harmful.keys() - held.keys()
    blamed = held.keys() - load.harmful.keys()
    lost = set(load.good.values()) - effects.keys()
    twice = [number for number, times in effects.items() if times > 1]
    return [
        *([f"{len(at_large)} harmful jobs are not held: {sorted(at_large)}"] if at_large else []),
        *([f"{len(blamed)} others are held: {[held[each] for each in blamed][:5]}"] if blamed else []),
        *([f"{len(lost)} harmless jobs are lost: {sorted(lost)[:5]}"] if lost else []),
        *([f"{len(twice)} harmless jobs took effect twice: {twice[:5]}"] if twice else []),
    ]


async def count(site: Site, load: Load) -> Tally:
    """Return what became of all these jobs."""
    held = {row["id"] for row in await site.ask(HELD)}
    [row] = await site.ask(RUNS)
    return Tally(len(load.harmful), len(held & load.harmful.keys()), len(load.good), row["runs"])
