# kit: updated by the template; extend it from app.py
"""Every statement of the service with what is known of it: its plan, what it breaks, and how it really ran."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from service.kit.db import Query
from service_tools.sql import catalog, contract, plans
from service_tools.sql.budgets import Budgets
from service_tools.sql.contract import Finding
from service_tools.sql.plans import Node


@dataclass(frozen=True)
class Entry:
    """One statement. `plan` is None for what has none, like `analyze`."""

    name: str
    query: Query
    plan: Node | None
    findings: list[Finding]

    @property
    def indexes(self) -> list[str]:
        """The indexes that the plan uses."""
        nodes = self.plan.walk() if self.plan else ()
        return sorted({node.get("Index Name") for node, _ in nodes if node.get("Index Name")})


async def plan_all(
    connection: asyncpg.Connection, statements: Iterable[tuple[str, Query]], declared: Budgets
) -> list[Entry]:
    """Return each statement with its plan at the declared sizes and its findings, in order of name."""
    schema = await catalog.read_schema(connection, declared.rows)
    entries = []
    for name, query in sorted(statements, key=lambda statement: statement[0]):
        findings, plan = await contract.check(connection, query, schema)
        entries.append(Entry(name, query, plan, findings))
    return entries


async def run(connection: asyncpg.Connection, query: Query) -> Node | None:
    """Run a statement with its sample and return the plan with what happened, or None when it cannot be run.

    Whatever it changes is rolled back. It needs rows to sample: an empty database has none.
    """
    if not query.sample or not plans.can_plan(query.sql):
        return None
    transaction = connection.transaction()
    await transaction.start()
    try:
        arguments = await connection.fetchrow(query.sample)
        if arguments is None:
            return None
        statement = f"explain (analyze, buffers, verbose, format json) {query.sql}"
        return plans.read(json.loads(await connection.fetchval(statement, *arguments))[0]["Plan"])
    finally:
        await transaction.rollback()
