# kit: updated by the template; extend it from app.py
"""What stands in the queue, and what an operator does about jobs that are held."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec
from pgqueuer.domain.types import JobId

from service.kit.edge import CommandError
from service.kit.jobs.tables import make_queries

COUNT = """
select entrypoint as name,
       count(*) filter (where status = 'queued') as queued,
       count(*) filter (where status = 'picked') as running,
       count(*) filter (where status = 'failed') as held,
       min(execute_after) filter (where status = 'queued') as oldest
  from kit.pgqueuer
 group by entrypoint
 order by entrypoint
"""

LIST_HELD = """
select job.id, job.entrypoint as name, job.attempts + 1 as attempts, job.updated as held_at,
       encode(job.payload, 'escape') as payload,
       record.traceback ->> 'exception_type' as error, record.traceback ->> 'exception_message' as message
  from kit.pgqueuer as job
  left join lateral (
       select traceback from kit.pgqueuer_log
        where job_id = job.id and status = 'failed'
        order by created desc
        limit 1
       ) as record on true
 where job.status = 'failed'
 order by job.updated desc, job.id desc
 limit $1
"""

FIND = "select id from kit.pgqueuer where status = 'failed' and ($2 or id = any($1)) order by id for update"

DROP = """
with dropped as (
    delete from kit.pgqueuer where id = any($1) returning id, entrypoint, priority
)
insert into kit.pgqueuer_log (job_id, status, entrypoint, priority)
select id, 'deleted', entrypoint, priority from dropped
"""


class Count(msgspec.Struct, frozen=True):
    """How many jobs of one name there are. `oldest` is since when the first of those in the queue could have run."""

    name: str
    queued: int
    running: int
    held: int
    oldest: datetime | None


class Held(msgspec.Struct, frozen=True):
    """A job that is held, and the error of its last run."""

    id: int
    name: str
    attempts: int
    held_at: datetime
    payload: str
    error: str | None
    message: str | None


class UnknownError(CommandError):
    """There is no held job of an id. The message names it, and nothing was changed."""


async def count(connection: asyncpg.Connection) -> list[Count]:
    """Return how many jobs there are of each name."""
    return [Count(*record) for record in await connection.fetch(COUNT)]


async def list_held(connection: asyncpg.Connection, limit: int) -> list[Held]:
    """Return the jobs that are held, the latest first."""
    return [Held(*record) for record in await connection.fetch(LIST_HELD, limit)]


async def retry(connection: asyncpg.Connection, identities: Sequence[int], *, every: bool) -> list[int]:
    """Put held jobs back into the queue, as if they had never run, and return their ids. Raises `UnknownError`."""
    async with connection.transaction():
        found = await find(connection, identities, every)
        await make_queries(connection).requeue_jobs([JobId(identity) for identity in found])
    return found


async def drop(connection: asyncpg.Connection, identities: Sequence[int]) -> list[int]:
    """Delete held jobs, and return their ids. Raises `UnknownError`."""
    async with connection.transaction():
        found = await find(connection, identities, every=False)
        await connection.execute(DROP, found)
    return found


async def find(connection: asyncpg.Connection, identities: Sequence[int], every: bool) -> list[int]:
    """Return the held jobs of these ids, locked, or every one. Raises `UnknownError`."""
    found = [record["id"] for record in await connection.fetch(FIND, identities, every)]
    if unknown := sorted(set(identities) - set(found)):
        ids = ", ".join(map(str, unknown))
        raise UnknownError(f"No job is held under {ids}. `service jobs list` shows the ids; nothing was changed.")
    return found
