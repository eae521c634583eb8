# kit: updated by the template; extend it from app.py
"""PgQueuer's tables, in the kit's schema: kit/migrations/tables/0002_jobs.sql makes them. And its way to them."""

from datetime import UTC, datetime

import asyncpg
import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain import models, types
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import NotifyCallback
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class Names(DBSettings):
    """PgQueuer's own names. It would read them from variables as common as CHANNEL and TRIGGER; these stand."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given here, and nothing else."""
        return (init_settings,)


NAMES = Names(db_schema="kit")


class Driver(AsyncpgDriver):
    """A connection that can tell its listeners of a change without asking PostgreSQL to."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self.callbacks: list[NotifyCallback] = []

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen, and be told by `wake` too."""
        await super().add_listener(channel, callback)
        self.callbacks.append(callback)

    def wake(self) -> None:
        """Let the worker look into the queue now, as the trigger would that these tables lack."""
        names = {"channel": NAMES.channel, "table": NAMES.queue_table}
        event = {**names, "operation": "delete", "sent_at": datetime.now(UTC), "type": "table_changed_event"}
        for callback in self.callbacks:
            callback(msgspec.json.encode(event))


class Statements(Queries):
    """PgQueuer's statements. When jobs are done, the worker that did them looks for others at once."""

    async def log_jobs(
        self, job_status: list[tuple[models.Job, types.JOB_STATUS, models.TracebackRecord | None]]
    ) -> None:
        """Note that jobs are done."""
        await super().log_jobs(job_status)
        if isinstance(self.driver, Driver):
            self.driver.wake()


def make_queries(connection: asyncpg.Connection) -> Queries:
    """Return PgQueuer's statements, to be run on a connection."""
    builders = QueryBuilderEnvironment(NAMES), QueryQueueBuilder(NAMES), QuerySchedulerBuilder(NAMES)
    return Statements(Driver(connection), *builders)
