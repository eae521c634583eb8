# kit: updated by the template; extend it from app.py
"""Check that statements ask for the account wherever they use a table with an account column."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from service_tools.sql.catalog import Catalog
from service_tools.sql.conditions import has_table
from service_tools.sql.plans import Step, walk_plan
from service_tools.sql.proofs import WHOLE_ROW, ScopedColumn, is_given
from service_tools.sql.scope import Scope, walk_scopes
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import (
    DELETE,
    MERGE,
    TABLE,
    UPDATE,
    VALUES,
    Node,
    walk_nodes,
)

DO_UPDATE = 2
MATCHED = 0
NOT_SENT = Node(tag="SETTODEFAULT")

EXCUSE = "or say why not: excused={'scope': '…'}"


@dataclass(frozen=True)
class Use:
    """A table that one part of a statement reads or changes."""

    verb: str
    scope: Scope
    number: int
    fix: str = "Add `{column} = $…` to the conditions there"

    @property
    def table(self) -> int:
        oid: int = self.scope.get_source(self.number).relid
        return oid

    def asks_for(self, column: int) -> bool:
        return is_given(ScopedColumn(self.scope, self.number, column))

    def is_unscoped(self) -> bool:
        has_account = self.table in self.scope.catalog.account_columns
        return has_account and not self.asks_for(WHOLE_ROW)

    def describe(self) -> Finding:
        table, column = self.scope.catalog.name_account(self.table)
        fix = self.fix.format(column=column, table=table)
        detail = f"it {self.verb} {table} without asking for the {column}"
        return Finding("scope", detail, f"{fix}, {EXCUSE}.")


def check_ownership(scope: Scope) -> Findings:
    """Yield a finding for each table that a statement uses without asking for the account."""
    unscoped = filter(Use.is_unscoped, list_uses(scope))
    findings = [use.describe() for use in unscoped]
    findings += check_functions(scope.query)
    yield from dict.fromkeys(findings)


def check_functions(tree: Node) -> Findings:
    """Yield a finding for each call that runs hidden statements."""
    for node in walk_nodes(tree):
        function = getattr(node, "function", None)
        if function and function.hidden:
            fix = f"Write its statements out as queries, {EXCUSE}."
            yield Finding("scope", function.hidden, fix)


def check_unread(plan: Step, catalog: Catalog) -> Iterator[Finding]:
    """Yield a finding for each table of accounts in the plan of a statement without a tree."""
    accounts = {catalog.name_account(table)[0] for table in catalog.account_columns}
    planned = {step.relation_name for step, _ in walk_plan(plan)}
    for table in sorted(planned & accounts):
        detail = f"it is not known whose rows of {table} it takes"
        yield Finding("scope", detail, f"Write it in another way, {EXCUSE}.")


def list_uses(scope: Scope) -> Iterator[Use]:
    """Yield every table that a query and those within it read or change."""
    for inner in walk_scopes(scope):
        query = inner.query
        if query.commandType == MERGE:
            yield from list_merged(inner)
        else:
            yield from list_plain(inner)
        if query.onConflict and query.onConflict.action == DO_UPDATE:
            yield from list_conflicting(inner)


def list_plain(scope: Scope) -> Iterator[Use]:
    """Yield the tables in the `from` of a query, with its target."""
    target = scope.query.resultRelation
    for number in list_tables(scope.query):
        verb = "changes" if number == target else "reads"
        yield from resolve_view(Use(verb, scope, number))


def list_tables(query: Node) -> Iterator[int]:
    for number, source in enumerate(query.rtable, 1):
        if source.rtekind == TABLE and has_table(query.jointree, number):
            yield number


def resolve_view(use: Use) -> Iterator[Use]:
    """Yield what a view uses in place of the view."""
    view = use.scope.get_view(use.number)
    if view:
        yield from list_uses(use.scope.enter(view, use.number))
    else:
        yield use


def list_merged(scope: Scope) -> Iterator[Use]:
    """Yield the target of a `merge` for each of its actions, and the tables that it merges."""
    query = scope.query
    conditions = [query.mergeJoinCondition]
    for action in query.mergeActionList:
        if action.commandType in (UPDATE, DELETE):
            yield from resolve_view(read_action(scope, action))
        if action.matchKind != MATCHED:
            conditions = []
    joined = add_conditions(scope, conditions)
    for number in list_tables(query):
        if number != query.resultRelation:
            yield from resolve_view(Use("reads", joined, number))


def read_action(scope: Scope, action: Node) -> Use:
    """Return the rows that an action of a `merge` changes."""
    conditions = [action.qual]
    clause = "`when not matched by source`"
    if action.matchKind == MATCHED:
        conditions.append(scope.query.mergeJoinCondition)
        clause = "`on`"
    fix = f"Add `and {{table}}.{{column}} = $…` to its {clause}"
    joined = add_conditions(scope, conditions)
    return Use("changes", joined, scope.query.resultRelation, fix)


def list_conflicting(scope: Scope) -> Iterator[Use]:
    """Yield the target of an `on conflict do update`: the row may be another account's.

    It has the columns that conflict in common with the row that would be inserted.
    """
    query = scope.query
    conflict = query.onConflict
    unique = scope.catalog.unique
    columns = list(unique.get(conflict.constraint, ()))
    elements = [element.expr for element in conflict.arbiterElems]
    columns += [expression.varattno for expression in elements if expression.tag == "VAR"]
    equal = [make_equal(scope, column) for column in columns]
    tables = list(query.rtable)
    tables[conflict.exclRelIndex - 1] = read_inserted(query)
    amended = amend(query, rtable=tables)
    inner = replace(scope, query=amended)
    joined = add_conditions(inner, [*equal, conflict.onConflictWhere])
    fix = "Add `where {table}.{column} = excluded.{column}` to its `do update`"
    yield from resolve_view(Use("changes", joined, query.resultRelation, fix))


def read_inserted(query: Node) -> Node:
    """Return the row that an `insert` sends, as `values`."""
    sent = {target.resno: target.expr for target in query.targetList}
    numbers = range(1, max(sent, default=0) + 1)
    row = [sent.get(number, NOT_SENT) for number in numbers]
    return Node(tag="RANGETBLENTRY", rtekind=VALUES, values_lists=[row])


def make_equal(scope: Scope, column: int) -> Node:
    """Return the condition that a row has a column in common with the one to be inserted."""
    query = scope.query
    there = Node(tag="VAR", varno=query.resultRelation, varattno=column, varlevelsup=0)
    sent = amend(there, varno=query.onConflict.exclRelIndex)
    equal, *_ = scope.catalog.equal
    return Node(tag="OPEXPR", opno=equal, args=[there, sent])


def add_conditions(scope: Scope, conditions: list[Node]) -> Scope:
    """Return a query that has its target in its `from`, and more conditions."""
    query = scope.query
    target = Node(tag="RANGETBLREF", rtindex=query.resultRelation)
    parts = [target, *query.jointree.fromlist]
    tests = [query.jointree.quals, *conditions]
    tests = [test for test in tests if test]
    quals = Node(tag="BOOLEXPR", boolop="and", args=tests)
    jointree = Node(tag="FROMEXPR", fromlist=parts, quals=quals)
    amended = amend(query, jointree=jointree)
    return replace(scope, query=amended)


def amend(node: Node, **fields: Any) -> Node:
    fields = vars(node) | fields
    return Node(**fields)
