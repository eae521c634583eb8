# kit: updated by the template; extend it from app.py
"""Check that statements ask for the account wherever they use a table with an account column."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from service_tools.sql.conditions import has_table
from service_tools.sql.proofs import WHOLE_ROW, ScopedColumn, is_given
from service_tools.sql.scope import Scope, walk_scopes
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import (
    DELETE,
    MERGE,
    TABLE,
    UNKNOWN_FUNCTION,
    UPDATE,
    VALUES,
    Node,
    walk_nodes,
)

DO_UPDATE = 2
NOT_SENT = Node(tag="SETTODEFAULT")
MATCHED = 0

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
        return int(self.scope.get_source(self.number).relid)

    def get_column(self, column: int) -> ScopedColumn:
        return ScopedColumn(self.scope, self.number, column)

    def is_unscoped(self) -> bool:
        has_account = self.table in self.scope.catalog.account_columns
        return has_account and not is_given(self.get_column(WHOLE_ROW))

    def describe(self) -> Finding:
        table, column = self.scope.catalog.name_account(self.table)
        source = self.scope.get_source(self.number)
        fix = self.fix.format(column=column, table=source.eref.aliasname)
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
        hidden = getattr(node, "function", UNKNOWN_FUNCTION).hidden
        if hidden:
            yield Finding("scope", hidden, f"Write its statements out as queries, {EXCUSE}.")


def list_uses(scope: Scope) -> Iterator[Use]:
    """Yield every table that a query and those within it read or change, in place of views."""
    for inner in walk_scopes(scope):
        for use in list_own(inner):
            view = use.scope.get_view(use.number)
            if view:
                yield from list_uses(use.scope.enter(view, use.number))
            else:
                yield use


def list_own(scope: Scope) -> Iterator[Use]:
    """Yield the tables and views that a query itself reads or changes."""
    query = scope.query
    read = scope
    if query.commandType == MERGE:
        actions = query.mergeActionList
        changing = [action for action in actions if action.commandType in (UPDATE, DELETE)]
        yield from (read_action(scope, action) for action in changing)
        is_joined = all(action.matchKind == MATCHED for action in actions)
        read = add_conditions(scope, [query.mergeJoinCondition] if is_joined else [])
    for number, source in enumerate(query.rtable, 1):
        if source.rtekind == TABLE and has_table(query.jointree, number):
            verb = "changes" if number == query.resultRelation else "reads"
            yield Use(verb, read, number)
    if query.onConflict and query.onConflict.action == DO_UPDATE:
        yield read_conflict(scope)


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


def read_conflict(scope: Scope) -> Use:
    """Return the rows that an `on conflict do update` changes: they may be another account's.

    They have the columns that conflict in common with the row that would be inserted.
    """
    query = scope.query
    conflict = query.onConflict
    elements = [element.expr for element in conflict.arbiterElems]
    columns = [expression.varattno for expression in elements if expression.tag == "VAR"]
    columns += scope.catalog.unique.get(conflict.constraint, ())
    equal = [make_equal(scope, column) for column in columns]
    tables = list(query.rtable)
    tables[conflict.exclRelIndex - 1] = read_inserted(query)
    inner = replace(scope, query=amend(query, rtable=tables))
    joined = add_conditions(inner, [*equal, conflict.onConflictWhere])
    fix = "Add `where {table}.{column} = excluded.{column}` to its `do update`"
    return Use("changes", joined, query.resultRelation, fix)


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
    tests = [test for test in [query.jointree.quals, *conditions] if test]
    quals = Node(tag="BOOLEXPR", boolop="and", args=tests)
    fromlist = [target, *query.jointree.fromlist]
    jointree = Node(tag="FROMEXPR", fromlist=fromlist, quals=quals)
    return replace(scope, query=amend(query, jointree=jointree))


def amend(node: Node, **fields: Any) -> Node:
    return Node(**vars(node) | fields)
