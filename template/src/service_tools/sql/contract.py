# kit: updated by the template; extend it from app.py
"""What every statement of a slice has to keep, checked against the migrated schema at the sizes of
production.

A statement that breaks a rule with reason says so: `Query(…, excused={"sort": "a customer has few
addresses"})`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import asyncpg

from service.kit.db.query import AnyQuery
from service_tools.sql import cost, ownership, plans, result, schema, siblings, text, tree
from service_tools.sql.budgets import Budgets
from service_tools.sql.finding import Finding
from service_tools.sql.plans import Node
from service_tools.sql.schema import Schema
from service_tools.sql.tree import Tree


@dataclass(frozen=True)
class Statement:
    """One `Query` by its name, with its plan, if it has one, and what it breaks and does not
    excuse.

    `shown` is the plan as PostgreSQL shows it.
    """

    name: str
    query: AnyQuery
    plan: Node | None
    findings: list[Finding]
    shown: str = ""
    tree: Tree | None = field(default=None, repr=False)

    @property
    def part(self) -> str:
        """The slice that it belongs to."""
        return self.name.partition(".")[0]

    @property
    def indexes(self) -> list[str]:
        """The indexes that the plan uses."""
        nodes = plans.walk(self.plan) if self.plan else ()
        return sorted({node["Index Name"] for node, _ in nodes if "Index Name" in node})


async def check_all(
    connection: asyncpg.Connection, queries: Iterable[tuple[str, AnyQuery]], budgets: Budgets
) -> list[Statement]:
    """Return all statements, in order of name. The connection is ready to plan on, as `scratch`
    makes it.
    """
    known = await schema.read(connection, budgets)
    statements = [
        await check(connection, name, query, known)
        for name, query in sorted(queries, key=lambda it: it[0])
    ]
    beside = siblings.check(
        {it.name: (it.query, it.tree) for it in statements}, known.nulls, [*known.indexes.values()]
    )
    checked = []
    for it in statements:
        said = {found.rule for found in it.findings}
        more = [
            found for found in leave_excused(it.query, beside[it.name]) if found.rule not in said
        ]
        checked.append(replace(it, findings=[*it.findings, *more]))
    return checked


async def check(
    connection: asyncpg.Connection, name: str, query: AnyQuery, known: Schema
) -> Statement:
    """Return a statement with what it breaks. Whatever is wrong with it, or with the check of it,
    is a finding.
    """
    plan = parsed = None
    shown = ""
    try:
        prepared = await connection.prepare(query.sql)
        plan, shown = await plans.explain(connection, query.sql)
        expected = [kind.oid for kind in prepared.get_parameters()]
        kinds = [known.types[oid] for oid in expected]
        parsed = await tree.parse(connection, query.sql, kinds) if plan else None
        findings = [*text.check(query), *result.check_params(query, kinds)]
        if plan:
            columns = [(it.name, known.types[it.type.oid]) for it in prepared.get_attributes()]
            findings += result.check_columns(query, columns, parsed, known.nulls)
            findings += result.check_arguments(query, parsed, known.nulls)
            findings += [*cost.check_plan(plan, bool(columns), known), *cost.check_tree(parsed)]
            findings += [
                *ownership.check(plan, parsed, known.nulls),
                *result.check_whole_rows(parsed),
            ]
        else:
            findings += text.check_planned(query)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        findings = [
            Finding(
                "prepare", f"PostgreSQL refuses it: {error}", "Correct it, or add the migration."
            )
        ]
    except Exception as error:  # the others are checked all the same
        detail = f"the contract does not understand it ({type(error).__name__}: {error})"
        findings = [Finding("unread", detail, "Excuse `unread`, and tell the template's owners.")]
    return Statement(name, query, plan, leave_excused(query, findings), shown, parsed)


def leave_excused(query: AnyQuery, findings: Iterable[Finding]) -> list[Finding]:
    """Return what is not excused. That nothing is null is believed only of a statement whose sample
    can be run.
    """
    return [
        it
        for it in findings
        if not query.excused.get(it.rule) or (it.rule == "nulls" and not query.sample)
    ]
