# kit: updated by the template; extend it from app.py
"""Each statement of a slice, checked against the migrated schema at the sizes of production.

A statement that breaks a rule for a reason gives it: `Query(…, excused={"sort": "a customer has few
addresses"})`.
"""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter, itemgetter

import asyncpg

from service.kit.db.query import AnyQuery
from service_tools.sql import comparisons, cost, limits, ownership, plans, result, siblings, text
from service_tools.sql.budgets import Budgets
from service_tools.sql.catalog import Catalog, read_catalog
from service_tools.sql.scope import Scope
from service_tools.sql.statement import Finding, Statement
from service_tools.sql.tree import parse_statement


async def check_statements(
    connection: asyncpg.Connection, queries: Iterable[tuple[str, AnyQuery]], budgets: Budgets
) -> list[Statement]:
    """Return all statements with their findings, in order of name.

    The connection is ready to plan on, as `scratch` opens it.
    """
    catalog = await read_catalog(connection, budgets)
    ordered = sorted(queries, key=itemgetter(0))
    statements = [Statement(name, query) for name, query in ordered]
    for statement in statements:
        statement.add_findings(await check_statement(connection, statement, catalog))
    for _, slice_ in groupby(statements, attrgetter("slice_name")):
        for statement, finding in siblings.check_siblings([*slice_], catalog):
            if finding.rule not in {it.rule for it in statement.findings}:
                statement.add_findings([finding])
    return statements


async def check_statement(
    connection: asyncpg.Connection, statement: Statement, catalog: Catalog
) -> list[Finding]:
    """Return what a statement breaks. An error in it, or in its check, is a finding as well."""
    try:
        return await check_rules(connection, statement, catalog)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        detail = f"PostgreSQL refuses it: {error}"
        return [Finding("prepare", detail, "Correct it, or add the migration.")]
    except Exception as error:  # the others are checked all the same
        detail = f"the contract does not understand it ({type(error).__name__}: {error})"
        return [Finding("unread", detail, "Excuse `unread`, and tell the template's owners.")]


async def check_rules(
    connection: asyncpg.Connection, statement: Statement, catalog: Catalog
) -> list[Finding]:
    """Return what a statement breaks, and note its plan and its tree."""
    query = statement.query
    prepared = await connection.prepare(query.sql)
    columns = prepared.get_attributes()
    params = [param.oid for param in prepared.get_parameters()]
    findings = [*text.check_text(query), *result.check_params(query, params, catalog)]
    tree = await parse_statement(connection, query.sql, params, catalog.functions)
    if tree is None:
        return [*findings, *text.check_unplanned(query)]
    statement.tree = tree
    scope = result.open_scope(tree, catalog, query)
    statement.asked = siblings.list_asked(scope)
    costs = await check_costs(connection, statement, bool(columns), scope)
    return [
        *findings,
        *costs,
        *result.check_columns(scope, query, columns),
        *result.check_nullable_params(scope),
        *comparisons.check_comparisons(scope),
        *ownership.check_ownership(scope),
        *result.check_whole_rows(tree),
    ]


async def check_costs(
    connection: asyncpg.Connection, statement: Statement, returns: bool, scope: Scope
) -> list[Finding]:
    """Return what costs too much in the best plan, and note the plan."""
    best: list[Finding] | None = None
    for attempt in plans.ATTEMPTS:
        await connection.execute(attempt)
        plan, plan_text = await plans.explain_statement(connection, statement.query.sql)
        found = [*cost.check_plan(plan, returns, scope.catalog), *limits.check_limits(scope, plan)]
        if best is None or len(found) <= len(best):
            statement.plan = plan
            statement.plan_text = plan_text
            best = found
        if statement.query.excused.keys() >= {finding.rule for finding in found}:
            break
    return best or []
