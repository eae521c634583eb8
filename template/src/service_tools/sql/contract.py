# kit: updated by the template; extend it from app.py
"""What every statement of a slice has to keep, checked against the migrated schema at the sizes of production.

A statement that breaks a rule with reason says so: `Query(…, excused={"sort": "a customer has few addresses"})`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import asyncpg

from service.kit.db import Query
from service_tools.sql import plans, rows, sessions
from service_tools.sql.plans import Node

LARGE = 10_000
"""From this many rows on, a table may not be read as a whole."""

MOST_SORTED = 1_000
"""Rows that may be sorted for one request: ten of the largest pages."""

STAR = re.compile(r"(?:\bselect|\breturning|,)\s+(?:distinct\s+)?(?:\w+\.)?\*", re.IGNORECASE)
LITERALS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One rule that a statement breaks: what is wrong, and what to do."""

    rule: str
    detail: str
    fix: str


@dataclass(frozen=True)
class Schema:
    """What the rules need to know of the schema: the sizes of tables, and the columns of each unique index."""

    sizes: Mapping[str, int]
    unique: Mapping[str, int]

    def is_large(self, node: Node) -> bool:
        """Return whether a step reads a table that may not be read as a whole."""
        return self.sizes.get(node.get("Relation Name") or "", 0) >= LARGE

    def finds_one_row(self, node: Node) -> bool:
        """Return whether a step looks a row up by all columns of a unique index."""
        columns = self.unique.get(node.get("Index Name") or "")
        return columns is not None and (node.get("Index Cond") or "").count(" = ") >= columns


async def check(connection: asyncpg.Connection, query: Query, schema: Schema) -> tuple[list[Finding], Node | None]:
    """Return what a statement breaks and does not excuse, and its plan if it has one."""
    try:
        prepared = await connection.prepare(query.sql)
    except asyncpg.PostgresError as error:
        return [Finding("prepare", f"PostgreSQL refuses it: {error}", "Correct it, or add the migration.")], None
    findings = [*check_text(query), *check_params(query, [kind.name for kind in prepared.get_parameters()])]
    plan = await plans.explain(connection, query.sql) if plans.can_plan(query.sql) else None
    if plan:
        attributes = [(attribute.name, attribute.type.name) for attribute in prepared.get_attributes()]
        findings += check_columns(query, attributes, await rows.find_nullable(connection, plan, len(attributes)))
        findings += [*check_scans(plan, schema), *check_sorts(plan), *check_bound(plan, bool(attributes), schema)]
    return [finding for finding in findings if not query.excused.get(finding.rule)], plan


def check_text(query: Query) -> Iterator[Finding]:
    """Refuse what the text tells: `select *`, which a new column changes, and state that outlasts the request."""
    text = LITERALS.sub("''", query.sql)
    if STAR.search(text):
        yield Finding("star", "it selects *", "List the columns; {columns} stands for the fields of the row type.")
    for advice in sessions.find_traces(text):
        yield Finding("session", "what it sets stays on the connection for other requests", advice)


def check_params(query: Query, expected: list[str]) -> Iterator[Finding]:
    """Compare the declared arguments with those that PostgreSQL infers. A statement may declare none."""
    if query.params and len(query.params) != len(expected):
        detail = f"it declares {len(query.params)} arguments and takes {len(expected)}"
        yield Finding("params", detail, f"Declare them in order: {', '.join(expected)}.")
        return
    for number, (declared, name) in enumerate(zip(query.params, expected, strict=False), 1):
        if not rows.fits(name, declared):
            yield Finding(
                "params", f"${number} is {name}, and declared {declared}", "Correct `params`, or cast it in SQL."
            )


def check_columns(query: Query, columns: list[tuple[str, str]], nullable: list[bool]) -> Iterator[Finding]:
    """Compare the result with the row type: count, names, types, and nulls."""
    fields = rows.list_fields(query.row)
    if fields is None or not columns:
        return
    if len(fields) != len(columns):
        names = ", ".join(name for name, _ in columns)
        yield Finding("columns", f"it returns {len(columns)} columns for {len(fields)} fields", f"It returns {names}.")
        return
    for (field, annotation), (column, kind), is_nullable in zip(fields, columns, nullable, strict=True):
        if field and field != column:
            yield Finding(
                "columns", f"column {column} fills the field {field}", "Put the columns in the fields' order."
            )
        elif not rows.fits(kind, annotation):
            yield Finding(
                "types", f"{column} is {kind}, which is no {annotation}", "Correct the field, or cast it in SQL."
            )
        elif is_nullable and not rows.unwrap(annotation)[1]:
            yield Finding(
                "nulls", f"{column} can be null", f"Let the field be `{field or 'row'}: … | None`, or coalesce it."
            )


def check_scans(plan: Node, schema: Schema) -> Iterator[Finding]:
    """Refuse to read a large table whole, or to read rows that a filter then discards."""
    for node, above in plan.walk():
        if not node.kind.endswith("Scan") or not schema.is_large(node):
            continue
        table = node.get("Relation Name")
        if node.kind == "Seq Scan" or (node.kind.startswith("Index") and reads_all(node, above)):
            yield Finding("scan", f"it reads the whole table {table}", f"Add an index for: {describe(node)}.")
        elif node.get("Filter") and not schema.finds_one_row(node):
            detail = f"it reads rows of {table} and discards those that are not {node.get('Filter')}"
            yield Finding("filter", detail, "Add the column to the index, before the columns of the order.")


def reads_all(node: Node, above: tuple[Node, ...]) -> bool:
    """Return whether an index is read from end to end: without a condition, and with nothing above that stops early."""
    stops = above and above[-1].kind == "Limit"
    return not node.get("Index Cond") and not stops


def describe(node: Node) -> str:
    """Return what an index would have to serve."""
    return node.get("Filter") or "the join, or the order and the limit of the statement"


def check_sorts(plan: Node) -> Iterator[Finding]:
    """Refuse to sort more rows than some pages: an index has them in order already."""
    for node, _ in plan.walk():
        if node.kind in ("Sort", "Incremental Sort") and node.rows > MOST_SORTED:
            key = ", ".join(node.get("Sort Key") or [])
            yield Finding("sort", f"it sorts about {node.rows:,} rows by {key}", f"Add an index on ({key}).")


def check_bound(plan: Node, returns: bool, schema: Schema) -> Iterator[Finding]:
    """Refuse a result that grows with the table."""
    if returns and not any(is_bound(node, schema) for node in list_top(plan)) and plan.rows > 1:
        fix = "Add a limit, or look rows up by a unique key; an export says excused={'unbounded': 'it streams'}."
        yield Finding("unbounded", f"nothing limits its result, about {plan.rows:,} rows", fix)


def list_top(plan: Node) -> Iterator[Node]:
    """Yield the steps that decide how many rows there are: down to the first that has several inputs."""
    yield plan
    if len(plan.inputs) == 1:
        yield from list_top(plan.inputs[0])


def is_bound(node: Node, schema: Schema) -> bool:
    """Return whether a step returns few rows, however large the tables are."""
    plain = node.kind == "Aggregate" and node.get("Strategy") == "Plain"
    return plain or node.kind == "Limit" or schema.finds_one_row(node)
