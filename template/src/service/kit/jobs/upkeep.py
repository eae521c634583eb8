# kit: updated by the template; extend it from app.py
"""What a worker does beside the jobs: show how long the queue is, name jobs that nobody runs, forget old records."""

import asyncio
import time
from collections.abc import Collection

import asyncpg
import structlog
from pgqueuer.ports.driver import Driver

from service.kit.jobs import meters

log = structlog.get_logger()

LOOK_SECONDS = 15.0
FORGET_SECONDS = 60.0

MORE = "DELETE 5000"
"""What PostgreSQL answers when there may be more to delete. Jobs are not taken meanwhile, so it is no more at once."""

COUNT = "select entrypoint as name, status::text as status, count(*) as count from kit.pgqueuer group by 1, 2"

FORGET = """
with old as (
    select id from kit.pgqueuer_log as record
     where created < now() - make_interval(days => $1)
       and not exists (select from kit.pgqueuer as job where job.id = record.job_id)
     order by created
     limit 5000
)
delete from kit.pgqueuer_log where id in (select id from old)
"""

FORGET_DONE = """
with old as (
    select job_id from kit.jobs_done as done
     where done_at < now() - make_interval(days => $1)
       and not exists (select from kit.pgqueuer as job where job.id = done.job_id)
     order by done_at
     limit 5000
)
delete from kit.jobs_done where job_id in (select job_id from old)
"""


async def keep(driver: Driver, names: Collection[str], keep_days: int) -> None:
    """Look after the queue until cancelled. A statement that fails is logged, and tried again the next time."""
    upkeep = Upkeep(driver, names)
    while True:
        try:
            await upkeep.look()
            await upkeep.forget(keep_days)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            log.warning("upkeep of the queue failed", error=repr(error))
        await asyncio.sleep(LOOK_SECONDS)


class Upkeep:
    """What was seen so far. `names` are those of the declared jobs."""

    def __init__(self, driver: Driver, names: Collection[str]) -> None:
        self.driver = driver
        self.names = names
        self.shown: set[tuple[str, str]] = set()
        self.unknown: set[str] = set()
        self.forgot_at = float("-inf")

    async def look(self) -> None:
        """Set the gauges, and warn of jobs that wait for a worker of another release."""
        rows = await self.driver.fetch(COUNT)
        counts = {(str(row["name"]), str(row["status"])): int(str(row["count"])) for row in rows}
        self.shown |= {key for key in counts if key[0] in self.names}
        for key in self.shown:
            meters.meters().queue.labels(*key).set(counts.get(key, 0))
        unknown = {name for name, status in counts if name not in self.names and status == "queued"}
        if unknown - self.unknown:
            advice = "No job of this name is declared here: they wait for a worker of a release that does."
            log.warning("unknown jobs", names=sorted(unknown), advice=advice)
        self.unknown = unknown

    async def forget(self, keep_days: int) -> None:
        """Delete the records that are too old, once a minute. Those of a job that is still there stay."""
        if time.monotonic() - self.forgot_at < FORGET_SECONDS:
            return
        self.forgot_at = time.monotonic()
        for statement in (FORGET, FORGET_DONE):
            while await self.driver.execute(statement, keep_days) == MORE:
                pass  # jobs are taken in between
