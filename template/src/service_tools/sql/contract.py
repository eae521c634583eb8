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
from service_tools.sql import cost, text
from service_tools.sql.budgets import Budgets
from service_tools.sql.catalog import Catalog, read_catalog
from service_tools.sql.ownership import check_ownership, check_unread
from service_tools.sql.plans import explain_statement
from service_tools.sql.result import (
    check_columns,
    check_nullable_params,
    check_params,
    check_whole_rows,
    list_nullable_params,
)
from service_tools.sql.scope import Scope
from service_tools.sql.siblings import check_siblings
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
    statements = {name: Statement(name, query) for name, query in ordered}
    for statement in statements.values():
        statement.add_findings(await check_statement(connection, statement, catalog))
    for _, slice_ in groupby(statements.values(), attrgetter("slice_name")):
        for name, finding in check_siblings([*slice_], catalog):
            statement = statements[name]
            if finding.rule not in {it.rule for it in statement.findings}:
                statement.add_findings([finding])
    return [*statements.values()]


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
    sql = query.sql
    prepared = await connection.prepare(sql)
    plan, plan_text = await explain_statement(connection, sql)
    statement.plan = plan
    statement.plan_text = plan_text
    params = [catalog.types[param.oid] for param in prepared.get_parameters()]
    findings = [*text.check_text(query), *check_params(query, params)]
    if plan is None:
        return [*findings, *text.check_unplanned(query)]
    columns = prepared.get_attributes()
    findings += cost.check_plan(plan, bool(columns), catalog)
    try:
        tree = await parse_statement(connection, sql, params, catalog.functions)
    except ValueError as error:
        if columns:
            detail = f"it is not known which columns can be null: {error}"
            findings.append(Finding("nulls", detail, "Write it in another way."))
        return [*findings, *check_unread(plan, catalog)]
    statement.tree = tree
    scope = Scope(tree, catalog, nullable_params=list_nullable_params(query))
    return [
        *findings,
        *check_columns(scope, query, columns),
        *check_nullable_params(scope),
        *cost.check_limits(tree),
        *check_ownership(scope),
        *check_whole_rows(tree),
    ]
