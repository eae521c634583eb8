# kit: updated by the template; extend it from app.py
"""Plans of statements: as PostgreSQL makes them once for all arguments, or as one ran, and a readable form of them."""

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from service.kit.db import AnyQuery

SHOWN = ("Index Cond", "Recheck Cond", "Filter", "Join Filter", "Hash Cond", "Merge Cond", "Sort Key", "Group Key")


type Node = dict[str, Any]
"""One step of a plan, as PostgreSQL writes it in JSON, with the steps that feed it in `Plans`."""


def walk(node: Node, above: tuple[Node, ...] = ()) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Yield every step of a plan with those above it, the nearest last."""
    yield node, above
    for step in node.get("Plans", ()):
        yield from walk(step, (*above, node))


async def explain(connection: asyncpg.Connection, sql: str) -> Node | None:
    """Return the plan of a statement without running it, or None for one that has none, like `analyze`."""
    try:
        await connection.execute(f"prepare explained as {sql}")
    except asyncpg.PostgresSyntaxError:  # `prepare` takes what can be planned, and nothing else
        return None
    try:
        count = await connection.fetchval(
            "select cardinality(parameter_types) from pg_prepared_statements where name = 'explained'"
        )
        arguments = f"({', '.join(['null'] * count)})" if count else ""
        text: Any = await connection.fetchval(f"explain (verbose, format json) execute explained {arguments}")
    finally:
        await connection.execute("deallocate explained")
    plan: Node = json.loads(text)[0]["Plan"]
    return plan


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


async def run(connection: asyncpg.Connection, query: AnyQuery) -> Node | None:
    """Run a statement with its sample, roll back, and return the plan with what happened.

    Return None for one that has no sample, no plan, or no rows to take the sample from.
    """
    if not await explain(connection, query.sql):
        return None
    async with undone(connection):
        if (arguments := await fetch_arguments(connection, query)) is None:
            return None
        statement = f"explain (analyze, buffers, verbose, format json) {query.sql}"
        text: Any = await connection.fetchval(statement, *arguments)
    plan: Node = json.loads(text)[0]["Plan"]
    return plan


def describe(node: Node) -> list[str]:
    """Return what a step does, and its conditions, a line each."""
    target = " on ".join(str(node.get(name)) for name in ("Index Name", "Relation Name") if node.get(name))
    said = {name: node.get(name) for name in SHOWN if node.get(name)}
    details = [f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in said.items()]
    return [f"{node['Node Type']} {target}".rstrip(), *details]


def compare(node: Node) -> str:
    """Return the numbers of a step: estimated, and real where it was run."""
    if (actual := node.get("Actual Rows")) is None:
        return f"cost {node['Total Cost']:,.2f}, about {node['Plan Rows']:,} rows"
    blocks = (node.get("Shared Hit Blocks") or 0) + (node.get("Shared Read Blocks") or 0)
    times = f" x {node.get('Actual Loops'):g}" if node.get("Actual Loops") != 1 else ""
    measured = f"{node.get('Actual Total Time'):.3f} ms, {blocks:,} blocks"
    return f"{actual:,g} rows{times} (expected {node['Plan Rows']:,}), {measured}"


def draw(node: Node, numbers: bool = False, depth: int = 0) -> list[str]:
    """Return the lines of a plan as an indented text, with or without its numbers."""
    indent = "  " * depth
    title, *details = describe(node)
    lines = [title, *([f"    {compare(node)}"] if numbers else []), *(f"    {detail}" for detail in details)]
    below = [line for step in node.get("Plans", ()) for line in draw(step, numbers, depth + 1)]
    return [*(f"{indent}{line}" for line in lines), *below]
