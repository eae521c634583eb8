# kit: updated by the template; extend it from app.py
"""Run statements with their samples, and roll back whatever they do."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from service.kit.db.query import AnyQuery
from service_tools.sql import types


@asynccontextmanager
async def rolled_back(connection: asyncpg.Connection) -> AsyncGenerator[None]:
    """Roll back whatever the block does."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def fetch_arguments(connection: asyncpg.Connection, query: AnyQuery) -> Any:
    """Return arguments to try a statement with, as its sample selects them.

    Return None where it has no sample, or no row to take one from.
    """
    if not query.sample:
        return None
    return await connection.fetchrow(query.sample)


async def run_sample(connection: asyncpg.Connection, query: AnyQuery, sql: str) -> list[Any]:
    """Run SQL with the sample of a statement, and return its rows: none without a sample."""
    async with rolled_back(connection):
        arguments = await fetch_arguments(connection, query)
        if arguments is None:
            return []
        rows: list[Any] = await connection.fetch(sql, *arguments)
        return rows


async def analyze_sample(connection: asyncpg.Connection, query: AnyQuery) -> str:
    """Run a statement with its sample, and return its plan with times, as PostgreSQL shows it."""
    sql = f"explain (analyze, buffers) {query.sql}"
    lines = await run_sample(connection, query, sql)
    return "\n".join(line for (line,) in lines)


async def check_sample(connection: asyncpg.Connection, query: AnyQuery) -> list[str]:
    """Run a statement with its sample, and return what is null in spite of the row type.

    Also return what went wrong. The sample may be a row that others need, or one that is there
    already: that is not the statement's fault.
    """
    try:
        rows = await run_sample(connection, query, query.sql)
    except asyncpg.IntegrityConstraintViolationError:
        return []
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [f"its sample fails: {error}"]
    names: set[str] = set()
    for index, field in enumerate(types.list_fields(query)):
        if types.allows_none(field.type):
            continue
        for row in rows:
            is_there = field.present is None or row[field.present] is not None
            if row[index] is None and is_there:
                names.add([*row.keys()][index])
    if not names and not query.is_scalar:
        return decode_rows(query, rows)
    return [f"{name} is null when it runs with its sample" for name in sorted(names)]


def decode_rows(query: AnyQuery, rows: Iterable[Any]) -> list[str]:
    try:
        for row in rows:
            query.make_row(*row)
    except msgspec.ValidationError as error:
        return [f"what it returns with its sample does not decode: {error}"]
    return []
