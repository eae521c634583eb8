# kit: updated by the template; extend it from app.py
"""Running a statement with its sample, without a trace."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from service.kit.db import AnyQuery


@asynccontextmanager
async def undone(connection: asyncpg.Connection) -> AsyncGenerator[None]:
    """Roll back whatever the block does."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def fetch_arguments(connection: asyncpg.Connection, query: AnyQuery) -> Sequence[Any] | None:
    """Return arguments to try a statement with, or None where it has no sample, or no rows to take one from."""
    return await connection.fetchrow(query.sample) if query.sample else None
