# kit: updated by the template; extend it from app.py
"""Plans of statements: as PostgreSQL makes them once for all arguments, or as one ran."""

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from service.kit.db.query import AnyQuery

type Node = dict[str, Any]
"""One step of a plan, as PostgreSQL writes it in JSON, with the steps that feed it in `Plans`."""


def walk(node: Node, above: tuple[Node, ...] = ()) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Yield every step of a plan with those above it, the nearest last."""
    yield node, above
    for step in node.get("Plans", ()):
        yield from walk(step, (*above, node))


async def explain(connection: asyncpg.Connection, sql: str) -> tuple[Node | None, str]:
    """Return the plan of a statement that is not run, and how PostgreSQL shows it; nothing of one
    like `analyze`.
    """
    try:
        await connection.execute(f"prepare explained as {sql}")
    except asyncpg.PostgresSyntaxError:  # `prepare` takes what can be planned, and nothing else
        return None, ""
    try:
        count = await connection.fetchval(
            "select cardinality(parameter_types) from pg_prepared_statements where name = 'explained'"
        )
        arguments = f"({', '.join(['null'] * count)})" if count else ""
        found: Any = await connection.fetchval(
            f"explain (verbose, format json) execute explained {arguments}"
        )
        lines = await connection.fetch(f"explain execute explained {arguments}")
    finally:
        await connection.execute("deallocate explained")
    return json.loads(found)[0]["Plan"], "\n".join(line for (line,) in lines)


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
    """Return arguments to try a statement with, or None where it has no sample, or no rows to take
    one from.
    """
    return await connection.fetchrow(query.sample) if query.sample else None


async def run(connection: asyncpg.Connection, query: AnyQuery) -> str:
    """Run a statement with its sample, roll back, and return what happened, as PostgreSQL shows it.

    Return nothing for one that has no sample, no plan, or no rows to take the sample from.
    """
    if not (await explain(connection, query.sql))[1]:
        return ""
    async with undone(connection):
        if (arguments := await fetch_arguments(connection, query)) is None:
            return ""
        lines = await connection.fetch(f"explain (analyze, buffers) {query.sql}", *arguments)
    return "\n".join(line for (line,) in lines)
