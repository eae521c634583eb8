# kit: updated by the template; extend it from app.py
"""Keeps the queue in order: recovers the jobs of dead workers, counts jobs, deletes old records.

A job may have crashed the process that ran it. Each crash counts as an attempt of every job that
ran there. A job that shared some crashes with others runs alone from then on, and is held only
when the process crashed while it ran alone: so a bystander is never held.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import structlog
from pgqueuer.domain import models
from pgqueuer.ports.driver import Driver

from service.kit.db.errors import ERRORS
from service.kit.jobs.job import Worker
from service.kit.jobs.queue import STATUSES, get_job_metrics

log = structlog.get_logger()

MAX_SHARED_DEATHS = 2
"""Something outside may kill a process once. The second time, one of the same jobs is suspected."""

MIN_OWN_FAILURES = 2
"""A job is held after this many failures of its own at least, if it has as many attempts."""

CHECK_INTERVAL = 15.0
"""Seconds between two counts of the queue."""

FULL_BATCH = "DELETE 5000"
"""PostgreSQL's answer when more may be left. Workers wait for each batch, so it is small."""

DIED = "The worker died at each attempt, the last time while it ran nothing else. See its log."

UNKNOWN = "These names are not declared here: their jobs wait for a release that has them."

REQUEUE_OWN = """
update kit.pgqueuer
   set status = 'queued', queue_manager_id = null, slot = null, updated = now(),
       headers = headers - 'alone'
 where queue_manager_id = $1 and status = 'picked' and id <> all($2::bigint[])
returning id
"""

# Judges the jobs of this worker ($1) if its last process died ($2), and those of workers none of
# whose jobs had a heartbeat for $3. The jobs of one worker beat at different times, and are judged
# together. $4 and $5 are the kinds of jobs and their attempts, $6 the error of a job that is held,
# $7 is MIN_OWN_FAILURES, $8 the first pause before a retry, and $9 the longest.
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
    select *, count(*) over same as total,
           count(*) filter (where headers ? 'alone') over same as alone,
           coalesce((headers ->> 'deaths')::int, 0) as shared
      from taken
    window same as (partition by worker)
), judged as (
    select id, headers - 'alone' as headers, shared,
           total = 1 or alone = 1 and headers ? 'alone' as was_alone,
           total > 1 and alone <> 1 as was_among_others,
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
            then jsonb_build_object(
                'exception_type', 'WorkerDied', 'exception_message', $6::text
            ) end
  from freed
returning job_id as id
"""

MARK_ALONE = """update kit.pgqueuer set headers = headers || '{"alone": true}' where id = $1"""

FORGET_DEATHS = "update kit.pgqueuer set headers = headers - 'alone' - 'deaths' where id = any($1)"

COUNT_JOBS = """
select entrypoint as name, status::text as status, count(*) as count
  from kit.pgqueuer
 group by 1, 2
"""

DELETE_OLD = """
with old as (
    select ctid from kit.{table} as record
     where {time} < now() - make_interval(days => $1)
       and not exists (select from kit.pgqueuer as job where job.id = record.job_id)
     order by {time}
     limit 5000
)
delete from kit.{table} where ctid = any(array(select ctid from old))
"""
DELETE_OLD_LOG = DELETE_OLD.format(table="pgqueuer_log", time="created")
DELETE_OLD_DONE = DELETE_OLD.format(table="jobs_done", time="done_at")


def is_suspect(job: models.Job, max_attempts: int) -> bool:
    """Return whether a job has to run alone: it ran in several processes that died."""
    shared_deaths = int(str((job.headers or {}).get("deaths", 0)))
    return shared_deaths >= max(1, min(MAX_SHARED_DEATHS, max_attempts - MIN_OWN_FAILURES))


class Upkeep:
    """Keeps the queue in order alongside the jobs of the worker with this `identity`."""

    def __init__(self, driver: Driver, identity: UUID, worker: Worker) -> None:
        self.driver = driver
        self.identity = identity
        self.options = worker.options
        self.unknown: set[str] = set()
        self.max_attempts = {
            name: job.attempts or worker.options.attempts for name, job in worker.jobs.items()
        }

    async def run(self) -> None:
        """Keep the queue in order until cancelled. A statement that fails is logged and retried."""
        checked_at = float("-inf")
        while True:
            await self.attempt(self.recover)
            if time.monotonic() - checked_at >= CHECK_INTERVAL:
                checked_at = time.monotonic()
                await self.attempt(self.count_jobs)
                await self.attempt(self.delete_old_records)
            await asyncio.sleep(min(CHECK_INTERVAL, self.options.heartbeat / 8))

    async def attempt(self, duty: Callable[[], Awaitable[None]]) -> None:
        """Do one thing. If it fails, the others go on: a long queue may be too slow to count."""
        try:
            await duty()
        except ERRORS as error:
            log.warning("upkeep of the queue failed", error=repr(error))

    async def requeue_own(self, *, excluded: Iterable[int] = ()) -> None:
        """Return this worker's unfinished jobs to the queue, as if they had never been taken."""
        requeued = await self.driver.fetch(REQUEUE_OWN, self.identity, list(excluded))
        self.log_requeued(requeued)

    async def recover(self, *, own: bool = False) -> None:
        """Requeue or hold jobs of dead workers, and this worker's `own` after a crash."""
        options = self.options
        requeued = await self.driver.fetch(
            RECOVER,
            self.identity,
            own,
            timedelta(seconds=options.heartbeat),
            list(self.max_attempts),
            list(self.max_attempts.values()),
            DIED,
            MIN_OWN_FAILURES,
            float(options.backoff),
            float(options.max_backoff),
        )
        self.log_requeued(requeued)

    def log_requeued(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            ids = sorted(row["id"] for row in rows)
            log.warning("jobs went back to the queue", count=len(rows), ids=ids[:20])

    async def count_jobs(self) -> None:
        """Set the gauges, and warn of jobs that wait for a worker of another release."""
        counts: dict[tuple[str, str], int] = {}
        for row in await self.driver.fetch(COUNT_JOBS):
            counts[str(row["name"]), str(row["status"])] = int(str(row["count"]))
        for key in product(self.max_attempts, STATUSES):
            get_job_metrics().queue.labels(*key).set(counts.get(key, 0))
        queued = {name for name, status in counts if status == "queued"}
        unknown = queued - self.max_attempts.keys()
        if unknown - self.unknown:
            log.warning("unknown jobs", names=sorted(unknown), advice=UNKNOWN)
        self.unknown = unknown

    async def delete_old_records(self) -> None:
        """Delete records of finished jobs that are too old."""
        for statement in (DELETE_OLD_LOG, DELETE_OLD_DONE):
            answer = FULL_BATCH
            while answer == FULL_BATCH:  # workers take jobs in between
                answer = await self.driver.execute(statement, self.options.keep_days)
