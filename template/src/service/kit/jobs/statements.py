# kit: updated by the template; extend it from app.py
"""PgQueuer's statements on the kit's tables: taking jobs, and recording their outcomes."""

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

from service.kit.jobs.running import RunningJobs
from service.kit.jobs.upkeep import FORGET_DEATHS
from service.kit.server.logs import shorten_text

log = structlog.get_logger()

type Record = models.TracebackRecord
type Outcome = tuple[models.Job, types.JOB_STATUS, Record | None]

NEVER = timedelta(days=36_500)

MAX_MESSAGE = 10_000
MAX_TRACEBACK = 40_000
"""Characters that are recorded of an error."""

# The constructor would read variables as common as CHANNEL and TRIGGER from the environment.
NAMES = DBSettings.model_construct(db_schema="kit")


class Driver(AsyncpgDriver):
    """A connection that can tell its listeners of a change without a round trip to PostgreSQL."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self.callbacks: list[NotifyCallback] = []

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self.callbacks.append(callback)

    def wake_listeners(self) -> None:
        """Let the worker check the queue now: these tables lack the trigger that would."""
        event = {
            "channel": NAMES.channel,
            "table": NAMES.queue_table,
            "operation": "delete",
            "type": "table_changed_event",
            "sent_at": datetime.now(UTC),
        }
        for callback in self.callbacks:
            callback(msgspec.json.encode(event))


class Statements(Queries):
    """PgQueuer's statements, on a `Driver`.

    `running` are the jobs of this process; `asked_at` is when it last asked for jobs, on the clock
    of `time.monotonic`.
    """

    running: RunningJobs
    asked_at: float

    async def dequeue(self, *args: Any, **kwargs: Any) -> list[models.Job]:
        """Take queued jobs, and put retries at the end: they may crash the process.

        Jobs of a worker without a heartbeat are not taken: upkeep.py judges those.
        """
        self.asked_at = time.monotonic()
        jobs = await super().dequeue(*args, **kwargs | {"heartbeat_timeout": NEVER})
        return sorted(jobs, key=lambda job: job.attempts)

    async def log_jobs(self, job_status: list[Outcome]) -> None:
        """Record outcomes of jobs, and look for more jobs at once."""
        outcomes: list[Outcome] = [
            (job, status, clean_record(record)) for job, status, record in job_status
        ]
        ids = [job.id for job, _, _ in job_status]
        await self.forget_deaths(ids)
        try:
            await super().log_jobs(outcomes)
        except Exception:  # one of them may be the cause
            for outcome in outcomes:
                await self.log_job(outcome)
        self.running.mark_recorded(ids)
        if isinstance(self.driver, Driver):
            self.driver.wake_listeners()

    async def log_job(self, outcome: Outcome) -> None:
        """Record the outcome of a job, without its error if PostgreSQL rejects that."""
        try:
            await super().log_jobs([outcome])
        except Exception as error:
            job, status, record = outcome
            await super().log_jobs([(job, status, omit_texts(record, error))])

    async def retry_job(
        self, job: models.Job, delay: timedelta, traceback_record: models.TracebackRecord | None
    ) -> None:
        """Let a job run again after a delay. If this raises, PgQueuer holds the job."""
        record = clean_record(traceback_record)
        await self.forget_deaths([job.id])
        try:
            await super().retry_job(job, delay, record)
        except Exception as error:
            await super().retry_job(job, delay, omit_texts(record, error))
        self.running.mark_recorded([job.id])

    async def forget_deaths(self, ids: Sequence[int]) -> None:
        """Forget the crashes that a job shared, if it has now run alone without one."""
        if self.running.alone in ids:
            await self.driver.execute(FORGET_DEATHS, [self.running.alone])


def make_statements(connection: asyncpg.Connection) -> Statements:
    tables = QueryBuilderEnvironment(NAMES)
    jobs = QueryQueueBuilder(NAMES)
    statements = Statements(Driver(connection), tables, jobs, QuerySchedulerBuilder(NAMES))
    statements.running = RunningJobs()
    statements.asked_at = time.monotonic()
    return statements


def clean_record(record: Record | None) -> Record | None:
    """Return the record of an error so that PostgreSQL can store it as JSON, and shortened."""
    if record is None:
        return None
    context = dict(record.additional_context or {})
    for name, value in context.items():
        if isinstance(value, str):
            context[name] = shorten_text(value, MAX_MESSAGE)
    changes = {
        "exception_type": shorten_text(record.exception_type, MAX_MESSAGE),
        "exception_message": shorten_text(record.exception_message, MAX_MESSAGE),
        "traceback": shorten_text(record.traceback, MAX_TRACEBACK),
        "additional_context": context,
    }
    return record.model_copy(update=changes)


def omit_texts(record: Record | None, error: Exception) -> Record | None:
    """Return the record of an error without its texts, which `error` kept from being stored."""
    if record is None:
        return None
    log.error("an error could not be recorded", job_id=record.job_id, error=repr(error))
    changes = {
        "exception_message": "Its text could not be stored: see the log.",
        "traceback": "",
        "additional_context": None,
    }
    return record.model_copy(update=changes)
