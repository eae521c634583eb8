# kit: updated by the template; extend it from app.py
"""What every statement of a slice has to keep, checked against the migrated schema at the sizes of production.

A statement that breaks a rule with reason says so: `Query(…, excused={"sort": "a customer has few addresses"})`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import asyncpg

from service.kit.db import Query
from service_tools.sql import plans, schema, types
from service_tools.sql.budgets import Budgets
from service_tools.sql.plans import Node
from service_tools.sql.schema import Schema

MOST_SORTED = 1_000
"""Rows that may be sorted for one request: ten of the largest pages."""

UNIONS = ("Append", "Merge Append")
STAR = re.compile(r"(?:\bselect|\breturning|,)\s+(?:distinct\s+)?(?:\w+\.)?\*", re.IGNORECASE)
LITERALS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
SESSION = {
    r"^set\s+(?!local\b)|^reset\b": "Use `set local` in a transaction.",
    r"\bset_config\s*\((?![^;]*,\s*true\s*\))": "Let its third argument be true, in a transaction.",
    r"^(?:un)?listen\b": "Listen on a connection of its own, outside the pool.",
    r"\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(": "Use pg_advisory_xact_lock, which ends with the transaction.",
    r"^create\s+(?:local\s+)?temp(?:orary)?\b|^(?:prepare|deallocate|discard|load)\b": "Do without.",
    r"^declare\b.*\bwith\s+hold\b": "Leave `with hold` out.",
}
"""How statements begin, or what they call, that outlasts the request on its connection; and what to write instead."""


@dataclass(frozen=True)
class Finding:
    """One rule that a statement breaks: what is wrong, and what to do."""

    rule: str
    detail: str
    fix: str

    def __str__(self) -> str:
        return f"{self.detail}. {self.fix}"


@dataclass(frozen=True)
class Statement:
    """One `Query` by its name, with its plan, or None for what has none, and what it breaks and does not excuse."""

    name: str
    query: Query
    plan: Node | None
    findings: list[Finding]

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
    connection: asyncpg.Connection, queries: Iterable[tuple[str, Query]], budgets: Budgets
) -> list[Statement]:
    """Return all statements, in order of name. The connection is ready to plan on, as `scratch` makes it."""
    known = await schema.read(connection, budgets)
    return [await check(connection, name, query, known) for name, query in sorted(queries, key=lambda pair: pair[0])]


async def check(connection: asyncpg.Connection, name: str, query: Query, known: Schema) -> Statement:
    try:
        prepared = await connection.prepare(query.sql)
        plan = await plans.explain(connection, query.sql)
    except asyncpg.PostgresError as error:
        refused = Finding("prepare", f"PostgreSQL refuses it: {error}", "Correct it, or add the migration.")
        return Statement(name, query, None, [refused])
    findings = [*check_text(query), *check_params(query, [kind.name for kind in prepared.get_parameters()])]
    if plan:
        columns = [(attribute.name, attribute.type.name) for attribute in prepared.get_attributes()]
        findings += check_columns(query, columns, list(types.find_nullable(plan, known)))
        findings += [*check_scans(plan, known), *check_sorts(plan), *check_bound(plan, bool(columns), known)]
    return Statement(name, query, plan, [found for found in findings if not query.excused.get(found.rule)])


def check_text(query: Query) -> Iterator[Finding]:
    """Refuse what the text tells: `select *`, which a new column changes, and state that outlasts the request."""
    text = LITERALS.sub("''", query.sql)
    if STAR.search(text):
        yield Finding("star", "it selects *", "List the columns; {columns} stands for the fields of the row type.")
    for pattern, advice in SESSION.items():
        if re.search(pattern, text.lstrip(" \n'"), re.IGNORECASE | re.DOTALL):
            yield Finding("session", "what it sets stays on the connection for other requests", advice)


def check_params(query: Query, expected: list[str]) -> Iterator[Finding]:
    """Compare the declared arguments with those that PostgreSQL infers. A statement may declare none."""
    if query.params and len(query.params) != len(expected):
        detail = f"it declares {len(query.params)} arguments and takes {len(expected)}"
        yield Finding("params", detail, f"Declare them in order: {', '.join(expected)}.")
        return
    for number, (declared, kind) in enumerate(zip(query.params, expected, strict=False), 1):
        if not types.takes(kind, declared):
            detail = f"${number} is {kind}, and declared {declared}"
            yield Finding("params", detail, "Correct `params`, or cast it in SQL.")


def check_columns(query: Query, columns: list[tuple[str, str]], nullable: list[bool]) -> Iterator[Finding]:
    """Compare the result with the row type: count, names, types, and nulls."""
    fields = types.list_fields(query.row)
    if fields is None or not columns:
        return
    if len(fields) != len(columns):
        names = ", ".join(name for name, _ in columns)
        yield Finding("columns", f"it returns {len(columns)} columns for {len(fields)} fields", f"It returns {names}.")
        return
    for (field, annotation), (column, kind), is_nullable in zip(fields, columns, nullable, strict=False):
        if field and field != column:
            detail = f"column {column} fills the field {field}"
            yield Finding("columns", detail, "Put the columns in the fields' order.")
        elif not types.returns(kind, annotation):
            yield Finding(
                "types", f"{column} is {kind}, which is no {annotation}", "Correct the field, or cast it in SQL."
            )
        elif is_nullable and not types.unwrap(annotation)[1]:
            fix = f"Let the field be `{field or 'row'}: … | None`, or coalesce it."
            yield Finding("nulls", f"{column} can be null", fix)


def check_scans(plan: Node, known: Schema) -> Iterator[Finding]:
    """Refuse to read a large table whole, or to read rows that a filter then discards."""
    for node, above in plans.walk(plan):
        if not node["Node Type"].endswith("Scan") or not known.is_large(node):
            continue
        table, condition = node.get("Relation Name"), node.get("Filter")
        stops_early = above and above[-1]["Node Type"] == "Limit"
        reads_all = node["Node Type"].startswith("Index") and not node.get("Index Cond") and not stops_early
        if node["Node Type"] == "Seq Scan" or reads_all:
            served = condition or "the join, or the order and the limit of the statement"
            yield Finding("scan", f"it reads the whole table {table}", f"Add an index for: {served}.")
        elif condition and not known.finds_one_row(node):
            detail = f"it reads rows of {table} and discards those that are not {condition}"
            yield Finding("filter", detail, "Add the column to the index, before the columns of the order.")


def check_sorts(plan: Node) -> Iterator[Finding]:
    """Refuse to sort more rows than some pages: an index has them in order already."""
    for node, _ in plans.walk(plan):
        if node["Node Type"] in ("Sort", "Incremental Sort") and node["Plan Rows"] > MOST_SORTED:
            key = ", ".join(node.get("Sort Key") or [])
            yield Finding("sort", f"it sorts about {node['Plan Rows']:,} rows by {key}", f"Add an index on ({key}).")


def check_bound(plan: Node, returns: bool, known: Schema) -> Iterator[Finding]:
    """Refuse a result that grows with the table."""
    if returns and plan["Plan Rows"] > 1 and not is_bound(plan, known):
        fix = "Add a limit, or look rows up by a unique key; an export says excused={'unbounded': 'it streams'}."
        yield Finding("unbounded", f"nothing limits its result, about {plan['Plan Rows']:,} rows", fix)


def is_bound(node: Node, known: Schema) -> bool:
    """Return whether a step returns few rows, however large the tables are, or all that feed it do; a join may not."""
    steps, kind = node.get("Plans", ()), node["Node Type"]
    if kind == "Limit" or (kind == "Aggregate" and node.get("Strategy") == "Plain") or known.finds_one_row(node):
        return True
    return (len(steps) == 1 or (kind in UNIONS and bool(steps))) and all(is_bound(step, known) for step in steps)
