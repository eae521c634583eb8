# kit: updated by the template; extend it from app.py
"""PgQueuer on the kit's own tables, which kit/migrate/tables/0002_jobs.sql makes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain import models, types
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import NotifyCallback

NEVER = timedelta(days=36_500)


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
        event = {**names, "operation": "delete", "sent_at": datetime.now(UTC), "type": "table_changed_event"}
        for callback in self.callbacks:
            callback(msgspec.json.encode(event))


class Statements(Queries):
    """PgQueuer's statements, on a `Driver`."""

    async def dequeue(self, *args: Any, **kwargs: Any) -> list[models.Job]:
        """Fetch queued jobs, and no job of a worker that stopped beating: upkeep.py judges those first."""
        return await super().dequeue(*args, **kwargs | {"heartbeat_timeout": NEVER})

    async def log_jobs(
        self, job_status: list[tuple[models.Job, types.JOB_STATUS, models.TracebackRecord | None]]
    ) -> None:
        """Note that jobs are done, and look for others at once."""
        await super().log_jobs(job_status)
        if isinstance(self.driver, Driver):
            self.driver.wake()


def make_queries(connection: asyncpg.Connection) -> Statements:
    builders = QueryBuilderEnvironment(NAMES), QueryQueueBuilder(NAMES), QuerySchedulerBuilder(NAMES)
    return Statements(Driver(connection), *builders)
