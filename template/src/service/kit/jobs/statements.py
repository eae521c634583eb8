# kit: updated by the template; extend it from app.py
"""PgQueuer's statements on the kit's tables: taking jobs, and recording what became of them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain import models, types
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import NotifyCallback

from service.kit.jobs.runner import Floor
from service.kit.jobs.upkeep import SURVIVED
from service.kit.server import shorten

log = structlog.get_logger()

type Record = models.TracebackRecord
type Outcome = tuple[models.Job, types.JOB_STATUS, Record | None]

NEVER = timedelta(days=36_500)

MAX_MESSAGE, MAX_TRACEBACK = 10_000, 40_000
"""Characters that are recorded of an error."""

# Its constructor would read variables as common as CHANNEL and TRIGGER from the environment.
NAMES = DBSettings.model_construct(db_schema="kit")


class Driver(AsyncpgDriver):
    """A connection that can tell its listeners of a change without a round trip to PostgreSQL."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self.callbacks: list[NotifyCallback] = []

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self.callbacks.append(callback)

    def wake(self) -> None:
        """Let the worker check the queue now, in place of the trigger that these tables lack."""
        names = {"channel": NAMES.channel, "table": NAMES.queue_table}
        kind = {"operation": "delete", "type": "table_changed_event"}
        event = {**names, **kind, "sent_at": datetime.now(UTC)}
        for callback in self.callbacks:
            callback(msgspec.json.encode(event))


class Statements(Queries):
    """PgQueuer's statements, on a `Driver`.

    `floor` is where the jobs of this process run, and `asked_at` is when it last asked for some.
    """

    floor: Floor
    asked_at: float

    async def dequeue(self, *args: Any, **kwargs: Any) -> list[models.Job]:
        """Fetch queued jobs, and no job of a worker that stopped beating: upkeep.py judges those.

        One that has failed comes after the others: it may end the process, and they need not wait.
        """
        self.asked_at = time.monotonic()
        jobs = await super().dequeue(*args, **kwargs | {"heartbeat_timeout": NEVER})
        return sorted(jobs, key=lambda job: job.attempts)

    async def log_jobs(self, job_status: list[Outcome]) -> None:
        """Record what became of jobs, and look for others at once."""
        outcomes: list[Outcome] = [(job, status, clean(record)) for job, status, record in job_status]
        ids = [job.id for job, _, _ in job_status]
        await self.forget_deaths(ids)
        try:
            await super().log_jobs(outcomes)
        except Exception:  # it may be because of one of them
            for outcome in outcomes:
                await self.log_job(outcome)
        self.floor.leave(ids)
        if isinstance(self.driver, Driver):
            self.driver.wake()

    async def log_job(self, outcome: Outcome) -> None:
        """Record what became of a job, without its error when PostgreSQL does not take that."""
        try:
            await super().log_jobs([outcome])
        except Exception as error:
            job, status, record = outcome
            await super().log_jobs([(job, status, leave_out(record, error))])

    async def retry_job(
        self, job: models.Job, delay: timedelta, traceback_record: models.TracebackRecord | None
    ) -> None:
        """Let a job run again after a delay. When this raises, PgQueuer holds the job."""
        record = clean(traceback_record)
        await self.forget_deaths([job.id])
        try:
            await super().retry_job(job, delay, record)
        except Exception as error:
            await super().retry_job(job, delay, leave_out(record, error))
        self.floor.leave([job.id])

    async def forget_deaths(self, ids: Sequence[int]) -> None:
        """Forget the deaths of a job that ran alone, and survived it."""
        if self.floor.alone in ids:
            await self.driver.execute(SURVIVED, self.floor.alone)


def make_queries(connection: asyncpg.Connection) -> Statements:
    tables, jobs = QueryBuilderEnvironment(NAMES), QueryQueueBuilder(NAMES)
    queries = Statements(Driver(connection), tables, jobs, QuerySchedulerBuilder(NAMES))
    queries.floor, queries.asked_at = Floor(), time.monotonic()
    return queries


def clean(record: Record | None) -> Record | None:
    """Return what PostgreSQL can store as JSON of the record of an error, within bounds."""
    if record is None:
        return None
    texts = {
        "exception_type": shorten(record.exception_type, MAX_MESSAGE),
        "exception_message": shorten(record.exception_message, MAX_MESSAGE),
        "traceback": shorten(record.traceback, MAX_TRACEBACK),
    }
    context = {
        name: shorten(value, MAX_MESSAGE) if isinstance(value, str) else value
        for name, value in (record.additional_context or {}).items()
    }
    return record.model_copy(update={**texts, "additional_context": context})


def leave_out(record: Record | None, error: Exception) -> Record | None:
    """Return the record of an error without its texts, whose storing failed by `error`."""
    if record is None:
        return None
    log.error("an error could not be recorded", job_id=record.job_id, error=repr(error))
    texts = {"exception_message": "Its text could not be stored: see the log.", "traceback": ""}
    return record.model_copy(update={**texts, "additional_context": None})
