# kit: updated by the template; extend it from app.py
"""What becomes of jobs that their worker did not finish: they go back to the queue, or are held when they killed it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from pgqueuer.domain import models
from pgqueuer.ports.driver import Driver

from service.kit.jobs.job import Hold
from service.kit.jobs.tables import make_queries

TAKEN = """
select id, entrypoint, attempts from kit.pgqueuer
 where queue_manager_id = $1 and status = 'picked' order by id for update
"""

GIVE_BACK = """
with given as (
    update kit.pgqueuer
       set status = 'queued', queue_manager_id = null, slot = null, updated = now(), attempts = attempts + $2
     where id = any($1)
    returning id, entrypoint, priority
)
insert into kit.pgqueuer_log (job_id, status, entrypoint, priority)
select id, 'queued', entrypoint, priority from given
"""

LOST = """
select count(*) filter (where status = 'picked') - count(*) filter (where status = 'queued') as runs
  from kit.pgqueuer_log
 where job_id = $1
   and id > coalesce((select max(id) from kit.pgqueuer_log where job_id = $1 and status = 'failed'), 0)
"""
"""Each time that a job is taken is noted, and each time that it goes back: what is left are runs that just ended.

Whoever retries a held job gives it all its attempts again.
"""

DIED = "Its worker died while it ran, at each attempt; the log of the worker may tell why."


class WorkerDied(Hold):
    """The process that ran a job ended without a word: killed, out of memory, or stuck."""


async def give_back(connection: asyncpg.Connection, worker: UUID) -> list[int]:
    """Return the jobs that a worker has not finished to the queue, as if they had never been taken, and their ids."""
    async with connection.transaction():
        identities = [record["id"] for record in await connection.fetch(TAKEN, worker)]
        await connection.execute(GIVE_BACK, identities, 0)
    return identities


async def count_deaths(connection: asyncpg.Connection, worker: UUID, attempts: Mapping[str, int]) -> list[int]:
    """Return the jobs of a worker that died to the queue, and their ids: for each of them it was a failed attempt.

    One that has no attempt left is held, or else a job that ends its worker would do so for ever.
    """
    async with connection.transaction():
        taken = await connection.fetch(TAKEN, worker)
        last = {row["id"] for row in taken if row["attempts"] + 1 >= attempts.get(row["entrypoint"], 1)}
        await connection.execute(GIVE_BACK, [row["id"] for row in taken if row["id"] not in last], 1)
        await hold(connection, sorted(last))
    return [row["id"] for row in taken]


async def count_lost(driver: Driver, job: models.Job, heartbeat: float) -> int:
    """Return how many runs of a job were lost with all of their worker. A young job was never taken from a dead one."""
    if (datetime.now(UTC) - job.created).total_seconds() < heartbeat:
        return 0
    (row,) = await driver.fetch(LOST, job.id)
    return int(str(row["runs"]))


async def hold(connection: asyncpg.Connection, identities: list[int]) -> None:
    """Hold jobs, with the reason for it."""
    queries = make_queries(connection)
    died = WorkerDied(DIED)
    jobs = [await queries.queue_job_by_id(models.JobId(identity)) for identity in identities]
    await queries.log_jobs(
        [(job, "failed", models.TracebackRecord.from_exception(died, job.id)) for job in jobs if job]
    )
