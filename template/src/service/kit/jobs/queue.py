# kit: updated by the template; extend it from app.py
"""Putting jobs into the queue, in the transaction of whoever does; and doing a job's work just once.

What serves requests imports no PgQueuer, which would cost each process 0.13 s at its start: these statements are ours.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from service.kit.db import Connection, Query
from service.kit.edge import request_id
from service.kit.jobs import meters
from service.kit.jobs.job import Job

REQUEST_ID = "request_id"
"""The header of a job that names the request which enqueued it."""

put = Query(
    """
    with queued as (
        insert into kit.pgqueuer (priority, entrypoint, payload, execute_after, headers, status)
        select 0, $1, payload, now() + $3::interval, $4::jsonb, 'queued'
          from unnest($2::bytea[]) with ordinality as given (payload, place)
         order by place
        returning id, entrypoint, priority
    ), logged as (
        insert into kit.pgqueuer_log (job_id, status, entrypoint, priority)
        select id, 'queued', entrypoint, priority from queued
    )
    select id from queued order by id
    """,
    int,
    tuple[str, list[bytes], timedelta, dict[str, str]],
)

note_done = Query(
    "insert into kit.jobs_done (job_id) values ($1) on conflict do nothing returning job_id", int, tuple[int]
)


async def enqueue[Argument: msgspec.Struct](
    connection: Connection, job: Job[Argument], argument: Argument, *, delay: float = 0
) -> int:
    """Add a job to the queue, to run in `delay` seconds at the earliest, and return its id.

    It belongs to the transaction of the connection: it runs when that commits, and is gone when it does not.
    """
    (identity,) = await enqueue_all(connection, job, [argument], delay=delay)
    return identity


async def enqueue_all[Argument: msgspec.Struct](
    connection: Connection, job: Job[Argument], arguments: Sequence[Argument], *, delay: float = 0
) -> list[int]:
    """Add one job for each argument by a single statement, and return their ids in the same order."""
    if strays := {type(argument).__name__ for argument in arguments if not isinstance(argument, job.argument)}:
        raise TypeError(f"{job.name} takes {job.argument.__name__}, not {', '.join(sorted(strays))}")
    payloads = [msgspec.json.encode(argument) for argument in arguments]
    headers = {REQUEST_ID: request_id()}
    identities = await connection.fetch(put, job.name, payloads, timedelta(seconds=delay), headers)
    meters.meters().enqueued.labels(job.name).inc(len(payloads))
    return identities


async def once(connection: Connection, job_id: int) -> bool:
    """Return whether the work of a job is still to be done, and note in this transaction that it is done.

    The note is committed with the work, or neither is. A second run that comes meanwhile waits here, and gets False
    when the first has committed. Effects outside of this database are not undone with it: hand on the job's id there,
    as an idempotency key.
    """
    if connection.transaction is None:
        raise RuntimeError("call once() in the transaction that does the work: async with db.transaction() as …")
    return await connection.find(note_done, job_id) is not None
