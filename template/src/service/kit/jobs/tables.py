# kit: updated by the template; extend it from app.py
"""PgQueuer's tables, in the kit's schema: kit/migrations/tables/0002_jobs.sql makes them."""

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings
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


def make_queries(connection: asyncpg.Connection) -> Queries:
    """Return PgQueuer's statements, to be run on a connection."""
    builders = QueryBuilderEnvironment(NAMES), QueryQueueBuilder(NAMES), QuerySchedulerBuilder(NAMES)
    return Queries(AsyncpgDriver(connection), *builders)
