# kit: updated by the template; extend it from app.py
"""Keeping the queue in order: jobs of dead workers go back to it, its length is shown, and old records are deleted.

A job may have killed the process that ran it. A death counts as a failed attempt of a job that ran alone. Of several,
none is blamed: they go back, those that shared two deaths run alone, and so the one that kills is found.
"""

import asyncio
import time
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import structlog
from pgqueuer.domain import models
from pgqueuer.ports.driver import Driver

from service.kit.db import ERRORS
from service.kit.jobs.job import Worker
from service.kit.jobs.queue import STATUSES, meters

log = structlog.get_logger()

SHARED_DEATHS = 2
"""Something outside may have killed a process once; a second time it was probably one of the same jobs."""

LOOK_SECONDS = 15.0

MORE = "DELETE 5000"
"""What PostgreSQL answers when there may be more to delete. Jobs are not taken meanwhile, so it is no more at once."""

DIED = "The worker died at each attempt, while it ran nothing else. The worker's log may tell why."

GIVE_BACK = """
update kit.pgqueuer
   set status = 'queued', queue_manager_id = null, slot = null, updated = now(), headers = headers - 'alone'
 where queue_manager_id = $1 and status = 'picked'
returning id
"""

# Of this worker ($1) if $2, and of workers that have not beaten for $3. $4 and $5 are the attempts that each kind has.
RECOVER = """
with taken as (
    select id, entrypoint, queue_manager_id as worker, attempts, coalesce(headers, '{}') as headers
      from kit.pgqueuer
     where status = 'picked' and case when queue_manager_id = $1 then $2 else heartbeat < now() - $3::interval end
     order by id
       for update
), counted as (
    select *, count(*) over same as beside, count(*) filter (where headers ? 'alone') over same as alone
      from taken
    window same as (partition by worker)
), judged as (
    select id, alone = 1 or beside = 1 as is_known, beside = 1 or alone = 1 and headers ? 'alone' as is_killer,
           attempts + 1 >= kind.allowed as is_last, headers - 'alone' - 'deaths' as headers,
           coalesce((headers ->> 'deaths')::int, 0) as deaths
      from counted left join unnest($4::text[], $5::int[]) as kind (name, allowed) on kind.name = entrypoint
), freed as (
    update kit.pgqueuer as job
       set status = case when is_killer and is_last then 'failed' else 'queued' end::kit.pgqueuer_status,
           attempts = job.attempts + case when is_killer and not is_last then 1 else 0 end,
           headers = judged.headers || case
               when is_killer then jsonb_build_object('deaths', deaths)
               when is_known then '{}'
               else jsonb_build_object('deaths', deaths + 1)
           end,
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


def is_suspect(job: models.Job) -> bool:
    """Return whether a job is to run alone, since it was there each time when its worker died."""
    return int(str((job.headers or {}).get("deaths", 0))) >= SHARED_DEATHS


class Upkeep:
    """What a worker does for the queue beside its jobs. `identity` is that of the worker in the queue."""

    def __init__(self, driver: Driver, identity: UUID, worker: Worker) -> None:
        self.driver = driver
        self.identity = identity
        self.options = worker.options
        self.attempts = {name: job.attempts or worker.options.attempts for name, job in worker.jobs.items()}
        self.unknown: set[str] = set()

    async def run(self) -> None:
        """Look after the queue until cancelled. A statement that fails is logged, and tried again the next time."""
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

    async def give_back(self) -> None:
        """Return this worker's unfinished jobs to the queue as if they had never been taken."""
        self.tell(await self.driver.fetch(GIVE_BACK, self.identity))

    async def recover(self, *, own: bool = False) -> None:
        """Return jobs of dead workers to the queue, or hold them, and this worker's `own` if its last process died."""
        silent = timedelta(seconds=self.options.heartbeat)
        names, attempts = list(self.attempts), list(self.attempts.values())
        self.tell(await self.driver.fetch(RECOVER, self.identity, own, silent, names, attempts, DIED))

    def tell(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            log.warning("jobs went back to the queue", count=len(rows), ids=sorted(row["id"] for row in rows)[:20])

    async def look(self) -> None:
        """Set the gauges, and warn of jobs that wait for a worker of another release."""
        rows = await self.driver.fetch(COUNT)
        counts = {(str(row["name"]), str(row["status"])): int(str(row["count"])) for row in rows}
        for key in product(self.attempts, STATUSES):
            meters().queue.labels(*key).set(counts.get(key, 0))
        unknown = {name for name, status in counts if name not in self.attempts and status == "queued"}
        if unknown - self.unknown:
            advice = "No job of this name is declared here: they wait for a worker of a release that does."
            log.warning("unknown jobs", names=sorted(unknown), advice=advice)
        self.unknown = unknown

    async def forget(self) -> None:
        """Delete records that are too old. Those of a job that is still there stay."""
        for statement in (FORGET_LOG, FORGET_DONE):
            while await self.driver.execute(statement, self.options.keep_days) == MORE:
                pass  # jobs are taken in between
