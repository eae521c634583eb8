# kit: updated by the template; extend it from app.py
"""A database that is thrown away: migrated, empty, and as large as production in the eyes of the planner."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from service.kit.db import read_url
from service.kit.migrate import MigrationOptions, migrate
from service_tools.sql import budgets, plans, statistics
from service_tools.sql.budgets import Budgets


@asynccontextmanager
async def provide(server: str, declared: Budgets) -> AsyncGenerator[asyncpg.Connection]:
    """Yield a connection, ready to plan on, to a new database on the server of a URL; drop the database afterwards."""
    name = f"scratch_{uuid4().hex}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    keeper = await asyncpg.connect(server)
    await keeper.execute(f"create database {name}")
    try:
        async for _ in migrate.apply_pending(read_url(url), MigrationOptions()):
            pass
        connection = await asyncpg.connect(url)
        await statistics.pretend(connection, declared.rows, budgets.DEFAULT_ROWS)
        await connection.execute(plans.SETTINGS)
        yield connection
        await connection.close()
    finally:
        await keeper.execute(f"drop database {name} with (force)")
        await keeper.close()
