# kit: updated by the template; extend it from app.py
"""Keeping the queue in order: jobs of dead workers go back to it, its length is shown, and old
records are deleted.

A job may have ended the process that ran it. Each death counts as an attempt of every job that was
there. One that shared some with others runs alone from then on, and is held only when it died
alone: so a job that was just there is not.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import structlog
from pgqueuer.domain import models
from pgqueuer.ports.driver import Driver

from service.kit.db.errors import ERRORS
from service.kit.jobs.job import Worker
from service.kit.jobs.queue import STATUSES, meters

log = structlog.get_logger()

SHARED_DEATHS = 2
"""Something outside may have killed a process once; a second time it was probably one of the same
jobs."""

OWN_DEATHS = 2
"""A job is held after so many failures of its own at the earliest, if it has so many attempts."""

LOOK_SECONDS = 15.0

MORE = "DELETE 5000"
"""What PostgreSQL answers when there may be more to delete. Jobs are not taken meanwhile, so it is
no more at once."""

DIED = "The worker died at each attempt, last while it ran nothing else. Its log may tell why."

GIVE_BACK = """
update kit.pgqueuer
   set status = 'queued', queue_manager_id = null, slot = null, updated = now(), headers = headers - 'alone'
 where queue_manager_id = $1 and status = 'picked' and id <> all($2::bigint[])
returning id
"""

# Of this worker ($1) if $2, and of workers of whose jobs none has beaten for $3: those of one
# worker beat at different times, and must be judged together. $4 and $5 are the attempts that each
# kind has, $6 is what is recorded of one that is held, $7 OWN_DEATHS, $8 the first pause, and $9
# the longest.
RECOVER = """
with worker as (
    select queue_manager_id as id, max(heartbeat) as heartbeat
      from kit.pgqueuer
     where status = 'picked'
     group by queue_manager_id
), taken as (
    select job.id, entrypoint, worker.id as worker, attempts, coalesce(headers, '{}') as headers
      from kit.pgqueuer as job join worker on worker.id = queue_manager_id
     where status = 'picked'
       and case when worker.id = $1 then $2
                else greatest(worker.heartbeat, job.heartbeat) < now() - $3::interval end
     order by job.id
       for update of job
), counted as (
    select *, count(*) over same as beside,
           count(*) filter (where headers ? 'alone') over same as alone,
           coalesce((headers ->> 'deaths')::int, 0) as shared
      from taken
    window same as (partition by worker)
), judged as (
    select id, headers - 'alone' as headers, shared,
           beside = 1 or alone = 1 and headers ? 'alone' as was_alone,
           beside > 1 and alone <> 1 as was_among_others,
           attempts + 1 >= least(kind.allowed, $7) and attempts + shared + 1 >= kind.allowed
               as is_last
      from counted
      left join unnest($4::text[], $5::int[]) as kind (name, allowed) on kind.name = entrypoint
), freed as (
    update kit.pgqueuer as job
       set status = case
               when was_alone and is_last then 'failed' else 'queued' end::kit.pgqueuer_status,
           attempts = job.attempts + case
               when was_alone and is_last then shared when was_alone then 1 else 0 end,
           execute_after = case when was_alone
               then now() + make_interval(secs => least($8 * 2 ^ job.attempts, $9::float8))
               else job.execute_after end,
           headers = case
               when was_alone and is_last then judged.headers - 'deaths'
               when was_among_others then judged.headers || jsonb_build_object('deaths', shared + 1)
               else judged.headers end,
           queue_manager_id = null, slot = null, updated = now()
      from judged
     where job.id = judged.id
    returning job.id, job.status, job.entrypoint, job.priority
)
insert into kit.pgqueuer_log (job_id, status, entrypoint, priority, traceback)
select id, status, entrypoint, priority,
       case when status = 'failed'
            then jsonb_build_object('exception_type', 'WorkerDied', 'exception_message', $6::text) end
  from freed
returning job_id as id
"""

RUN_ALONE = """update kit.pgqueuer set headers = headers || '{"alone": true}' where id = $1"""

SURVIVED = "update kit.pgqueuer set headers = headers - 'alone' - 'deaths' where id = $1"

COUNT = "select entrypoint as name, status::text as status, count(*) as count from kit.pgqueuer group by 1, 2"

FORGET = """
with old as (
    select ctid from kit.{table} as record
     where {time} < now() - make_interval(days => $1)
       and not exists (select from kit.pgqueuer as job where job.id = record.job_id)
     order by {time}
     limit 5000
)
delete from kit.{table} where ctid = any(array(select ctid from old))
"""
FORGET_LOG = FORGET.format(table="pgqueuer_log", time="created")
FORGET_DONE = FORGET.format(table="jobs_done", time="done_at")


def is_suspect(job: models.Job, attempts: int) -> bool:
    """Return whether a job is to run alone, since it was there when a worker died, and again."""
    shared = int(str((job.headers or {}).get("deaths", 0)))
    return shared >= max(1, min(SHARED_DEATHS, attempts - OWN_DEATHS))


class Upkeep:
    """What a worker does for the queue beside its jobs. `identity` is that of the worker in the
    queue.
    """

    def __init__(self, driver: Driver, identity: UUID, worker: Worker) -> None:
        self.driver = driver
        self.identity = identity
        self.options = worker.options
        self.attempts = {
            name: job.attempts or worker.options.attempts for name, job in worker.jobs.items()
        }
        self.unknown: set[str] = set()

    async def run(self) -> None:
        """Look after the queue until cancelled. A statement that fails is logged, and tried again
        the next time.
        """
        looked_at = float("-inf")
        while True:
            try:
                await self.recover()
                if time.monotonic() - looked_at >= LOOK_SECONDS:
                    looked_at = time.monotonic()
                    await self.look()
                    await self.forget()
            except ERRORS as error:
                log.warning("upkeep of the queue failed", error=repr(error))
            await asyncio.sleep(min(LOOK_SECONDS, self.options.heartbeat / 8))

    async def give_back(self, *, but: Iterable[int] = ()) -> None:
        """Return this worker's unfinished jobs to the queue as if they had never been taken."""
        self.tell(await self.driver.fetch(GIVE_BACK, self.identity, list(but)))

    async def recover(self, *, own: bool = False) -> None:
        """Return jobs of dead workers to the queue, or hold them, and this worker's `own` if its
        last process died.
        """
        options, silent = self.options, timedelta(seconds=self.options.heartbeat)
        kinds = list(self.attempts), list(self.attempts.values())
        pauses = float(options.backoff), float(options.max_backoff)
        judge = self.identity, own, silent, *kinds, DIED, OWN_DEATHS, *pauses
        self.tell(await self.driver.fetch(RECOVER, *judge))

    def tell(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            log.warning(
                "jobs went back to the queue",
                count=len(rows),
                ids=sorted(row["id"] for row in rows)[:20],
            )

    async def look(self) -> None:
        """Set the gauges, and warn of jobs that wait for a worker of another release."""
        rows = await self.driver.fetch(COUNT)
        counts = {(str(row["name"]), str(row["status"])): int(str(row["count"])) for row in rows}
        for key in product(self.attempts, STATUSES):
            meters().queue.labels(*key).set(counts.get(key, 0))
        unknown = {
            name for name, status in counts if name not in self.attempts and status == "queued"
        }
        if unknown - self.unknown:
            advice = "No job of this name is declared here: they wait for a worker of a release that does."
            log.warning("unknown jobs", names=sorted(unknown), advice=advice)
        self.unknown = unknown

    async def forget(self) -> None:
        """Delete records that are too old. Those of a job that is still there stay."""
        for statement in (FORGET_LOG, FORGET_DONE):
            while await self.driver.execute(statement, self.options.keep_days) == MORE:
                pass  # jobs are taken in between
