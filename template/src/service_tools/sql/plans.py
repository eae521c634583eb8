# kit: updated by the template; extend it from app.py
"""Plans of statements, as PostgreSQL makes them once for all arguments, and a readable form of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

PLANNED = ("select", "insert", "update", "delete", "merge", "with", "values")

# One plan for all arguments. This does not forbid scans and sorts, it avoids them wherever an index offers a way: where
# PostgreSQL uses one all the same, there is no other way.
SETTINGS = """
set plan_cache_mode = force_generic_plan;
set enable_seqscan = off;
set enable_sort = off;
set enable_incremental_sort = off;
set jit = off;
"""

SHOWN = ("Index Cond", "Recheck Cond", "Filter", "Join Filter", "Hash Cond", "Merge Cond", "Sort Key", "Group Key")


@dataclass(frozen=True)
class Node:
    """One step of a plan: what PostgreSQL says of it, and the steps that feed it."""

    said: dict[str, Any]
    inputs: tuple["Node", ...]

    def walk(self, above: tuple["Node", ...] = ()) -> Iterator[tuple["Node", tuple["Node", ...]]]:
        """Yield every step with those above it, the nearest last."""
        yield self, above
        for node in self.inputs:
            yield from node.walk((*above, self))

    def get(self, name: str) -> Any:
        """Return what is said under a name, like "Index Cond", or None."""
        return self.said.get(name)

    @property
    def kind(self) -> str:
        """The type of the step, like "Index Scan"."""
        return self.said["Node Type"]

    @property
    def rows(self) -> int:
        """How many rows the step is expected to return."""
        return self.said["Plan Rows"]


def can_plan(sql: str) -> bool:
    """Return whether a statement has a plan; `analyze` and the like have none."""
    return sql.lstrip().lower().startswith(PLANNED)


async def explain(connection: asyncpg.Connection, sql: str) -> Node:
    """Return the plan of a statement, without running it. The connection has `SETTINGS`."""
    await connection.execute(f"prepare explained as {sql}")
    try:
        count = await connection.fetchval(
            "select cardinality(parameter_types) from pg_prepared_statements where name = 'explained'"
        )
        arguments = f"({', '.join(['null'] * count)})" if count else ""
        text = await connection.fetchval(f"explain (verbose, format json) execute explained {arguments}")
    finally:
        await connection.execute("deallocate explained")
    (explained,) = json.loads(text)
    return read(explained["Plan"] | {"Query Identifier": explained.get("Query Identifier")})


def read(said: dict[str, Any]) -> Node:
    """Return the plan that PostgreSQL wrote as JSON."""
    return Node(
        {name: value for name, value in said.items() if name != "Plans"}, tuple(map(read, said.get("Plans", ())))
    )


def describe(node: Node) -> list[str]:
    """Return what a step does, and its conditions, a line each."""
    target = " on ".join(str(node.get(name)) for name in ("Index Name", "Relation Name") if node.get(name))
    said = {name: node.get(name) for name in SHOWN if node.get(name)}
    details = [f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in said.items()]
    return [f"{node.kind} {target}".rstrip(), *details]


def compare(node: Node) -> str:
    """Return the numbers of a step: estimated, and real where it was run."""
    if (actual := node.get("Actual Rows")) is None:
        return f"cost {node.get('Total Cost'):,.2f}, about {node.rows:,} rows"
    blocks = (node.get("Shared Hit Blocks") or 0) + (node.get("Shared Read Blocks") or 0)
    times = f" x {node.get('Actual Loops'):g}" if node.get("Actual Loops") != 1 else ""
    return (
        f"{actual:,g} rows{times} (expected {node.rows:,}), {node.get('Actual Total Time'):.3f} ms, {blocks:,} blocks"
    )


def draw(node: Node, numbers: bool = False, depth: int = 0) -> list[str]:
    """Return the lines of a plan as an indented text, with or without its numbers."""
    indent = "  " * depth
    title, *details = describe(node)
    lines = [f"{indent}{title}", *(f"{indent}    {detail}" for detail in details)]
    if numbers:
        lines.insert(1, f"{indent}    {compare(node)}")
    return [*lines, *(line for child in node.inputs for line in draw(child, numbers, depth + 1))]
