# kit: updated by the template; extend it from app.py
"""Run statements with their samples, and roll back whatever they do."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from service.kit.db.query import AnyQuery
from service.kit.db.sessions import connect, read_database_url
from service.kit.web.routes import Slice
from service_tools.dev import database
from service_tools.sql import types
from service_tools.sql.statement import Finding, Statements

ROWS = 600
"""Sample rows of each table: the samples of lists skip a few hundred."""


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
        await connection.execute("set constraints all immediate")
        return rows


async def analyze_sample(connection: asyncpg.Connection, query: AnyQuery) -> str:
    """Run a statement with its sample, and return its plan with times, as PostgreSQL shows it."""
    sql = f"explain (analyze, buffers) {query.sql}"
    lines = await run_sample(connection, query, sql)
    return "\n".join(line for (line,) in lines)


async def check_samples(url: str, slices: Sequence[Slice], statements: Statements) -> None:
    """Add sample rows to a migrated database, and what samples find to the statements.

    A sample runs when the tables that it reads have rows, before those of later slices need them.
    """
    options = read_database_url(url)
    async with connect(options, "service plans") as connection:
        for number, part in enumerate(slices):
            await database.fill_all(options, [part], ROWS)
            for statement in statements:
                if find_last(slices, statement.query.sample) == number:
                    statement.findings += await check_sample(connection, statement.query)


def find_last(slices: Sequence[Slice], sample: str) -> int:
    """Return the number of the last slice whose table a sample reads, or of the last at all."""
    tables = [part.seed.table if part.seed else None for part in slices]
    numbers = [number for number, table in enumerate(tables) if table and table in sample]
    return max(numbers, default=len(slices) - 1)


async def check_sample(connection: asyncpg.Connection, query: AnyQuery) -> list[Finding]:
    """Run a statement with its sample, and return what goes wrong.

    That is a value that does not fit its field, or an error that the statement does not expect.
    """
    fix = "Correct the statement, its row type or its sample"
    problems: set[str] = set()
    try:
        rows = await run_sample(connection, query, query.sql)
        if query.never_null and query.sample and not rows:
            problems.add("no row is returned, so nothing tries what `never_null` says")
        for row in rows:
            problems.update(find_misfits(query, row))
            if not problems and not query.is_scalar:
                query.make_row(*row)
    except Exception as error:  # PostgreSQL's, asyncpg's, or that of what makes the rows
        constraint = getattr(error, "constraint_name", None)
        if constraint and constraint == query.sample_violates:
            return []
        reason = " ".join(str(error).split()).rstrip(".")
        problems.add(f"{type(error).__name__}: {reason}")
        if constraint:
            fix += f"; or say that this is meant: sample_violates='{constraint}'"
    return [Finding("sample", f"with its sample, {it}", f"{fix}.") for it in sorted(problems)]


def find_misfits(query: AnyQuery, row: Any) -> Iterator[str]:
    """Yield what does not fit into the fields: nulls, and values of another type."""
    names = [*row.keys()]
    for index, field in enumerate(types.list_fields(query)):
        name = field.path or names[index]
        value = row[index]
        is_missing = field.present is not None and row[field.present] is None
        if value is None and not types.allows_none(field.type) and not is_missing:
            yield f"{name} is null"
        is_list = isinstance(value, list)
        if is_list and None in value and not types.allows_null_items(field.type):
            yield f"an item of {name} is null"
        if value is not None and not types.allows_value(field.type, value):
            yield f"{name} is {type(value).__name__}"
