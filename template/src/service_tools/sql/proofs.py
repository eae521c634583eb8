# kit: updated by the template; extend it from app.py
"""Proofs, from PostgreSQL's tree, that a part of a statement takes the rows of a given account.

A column is given where in every row it equals an argument: by a condition, by a column that is
equal and given, or by what a query in `from` makes of one. What is not proven counts as not given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from service_tools.sql.catalog import Column
from service_tools.sql.conditions import list_conditions
from service_tools.sql.scope import (
    Origin,
    Scope,
    enter_with,
    list_origins,
    list_outputs,
    list_targets,
    strip_casts,
)
from service_tools.sql.tree import (
    ANY,
    ARRAY,
    EXPRESSION,
    FUNCTION,
    GROUP,
    INNER_QUERIES,
    SELECT,
    TABLE,
    UPDATE,
    WITH,
    Node,
    walk_nodes,
)

UNKNOWN = ("AGGREF", "WINDOWFUNC", "SUBLINK", "SETTODEFAULT", "CASETESTEXPR", "COERCETODOMAINVALUE")
"""Nodes whose value is not computed from the columns and arguments below them alone."""

CUTS = ("limitCount", "limitOffset", "groupingSets", "rowMarks")
"""Clauses by which rows depend on others, so a condition outside is not as good as one inside."""

# The `paramkind` of an argument of the statement, and of a column that a subquery returns.
EXTERNAL = 0
OF_SUBQUERY = 2

WHOLE_ROW = -1
"""Stands for a column where the row itself has to belong to the account."""


class ScopedColumn(NamedTuple):
    """A column of what stands in the `from` of a query under a number."""

    scope: Scope
    number: int
    column: int

    @property
    def path(self) -> tuple[int, ...]:
        return (*self.scope.path, self.number, self.column)

    def matches(self, node: Node) -> bool:
        """Return whether an expression of the query is this column."""
        node = strip_casts(node)
        is_own = node.tag == "VAR" and not node.varlevelsup
        return is_own and (node.varno, node.varattno) == (self.number, self.column)


type Fact = tuple[Column | None, tuple[int, ...]]
"""What can be proven: of which key, if of one, and the path of the column."""


@dataclass(frozen=True)
class Proof:
    """What is to be proven of a column: that it is given, or that it is the `key` of a row that is.

    No proof rests on itself: what is being tried and not proven yet counts as unproven, until all
    is tried again. The rows that a recursive `with` takes from itself are assumed to be as the
    others. `subselect` is what an `in` compares with. With `by_subquery`, whatever a subquery finds
    counts as given.
    """

    key: Column | None = None
    subselect: Any = None
    by_subquery: bool = False
    assumed: frozenset[Fact] = frozenset()
    proven: set[Fact] = field(default_factory=set)
    tried: set[Fact] = field(default_factory=set)

    def repeat(self, attempt: Callable[[], bool]) -> bool:
        """Return whether an attempt succeeds, and repeat it while it proves something more."""
        while True:
            count = len(self.proven)
            self.tried.clear()
            if attempt():
                return True
            if len(self.proven) == count:
                return False

    def holds(self, scope: Scope, node: Node) -> bool:
        """Return whether an expression is what is to be proven, in each row."""
        node = strip_casts(node)
        if node.tag == "VAR":
            home = scope.up(node.varlevelsup)
            return self.holds_column(ScopedColumn(home, node.varno, node.varattno))
        if node.tag == "SUBLINK":
            if node.subLinkType == EXPRESSION and self.by_subquery:
                return True
            is_value = node.subLinkType in (EXPRESSION, ARRAY)
            return is_value and self.holds_output(scope.enter(node.subselect), 0)
        if node.tag == "PARAM" and node.paramkind == OF_SUBQUERY:
            inner = scope.enter(self.subselect)
            return self.holds_output(inner, node.paramid - 1)
        return self.key is None and self.is_computed(scope, node)

    def is_computed(self, scope: Scope, node: Any) -> bool:
        """Return whether what is there depends on arguments, constants and given columns only."""
        for part in walk_nodes(node, INNER_QUERIES):
            is_internal = part.tag == "PARAM" and part.paramkind != EXTERNAL
            if is_internal or part.tag in UNKNOWN:
                return False
            if part.tag == "VAR" and not self.holds(scope, part):
                return False
        return True

    def holds_column(self, column: ScopedColumn) -> bool:
        fact = (self.key, column.path)
        if fact in self.tried:
            return fact in self.proven
        self.tried.add(fact)
        is_row = column.column == WHOLE_ROW
        found = self.finds_row(column) if is_row else self.finds_column(column)
        if found:
            self.proven.add(fact)
        return found

    def finds_column(self, column: ScopedColumn) -> bool:
        scope = column.scope
        source = scope.get_source(column.number)
        is_table = source.rtekind == TABLE
        if is_table and self.key == (source.relid, column.column):
            proof = replace(self, key=None)
            if proof.holds_column(column._replace(column=WHOLE_ROW)):
                return True
        if self.comes_from_source(column):
            return True
        tests = list_conditions(scope.query.jointree, column.number)
        return any(self.follows(test, column) for test in tests) or self.is_asked_outside(column)

    def finds_row(self, row: ScopedColumn) -> bool:
        """Return whether the rows of a table are those of a given account."""
        catalog = row.scope.catalog
        table = row.scope.get_source(row.number).relid
        account = catalog.account_columns.get(table)
        if account is None:
            return False
        if self.holds_column(row._replace(column=account)):
            return True
        for key in catalog.list_keys(table):
            proof = replace(self, key=(table, key))
            if proof.holds_column(row._replace(column=key)):
                return True
        return False

    def comes_from_source(self, column: ScopedColumn) -> bool:
        """Return whether what stands in the `from` makes a column so."""
        scope, number, index = column
        source = scope.get_source(number)
        if index < 1:  # the whole row, or a column of PostgreSQL's own
            return False
        if source.rtekind == FUNCTION:
            return self.key is None and self.is_computed(scope, source.functions)
        if source.rtekind == WITH:
            return self.comes_from_with(scope, source, index)
        origins = list_origins(scope, number, index)
        return origins is not None and self.holds_all(origins)

    def comes_from_with(self, scope: Scope, source: Node, index: int) -> bool:
        """Return whether a `with` makes a column so; a recursive one, if from row to row."""
        inner = enter_with(scope, source)
        fact = (self.key, (id(inner.query), index))
        if fact in self.assumed:
            return bool(source.self_reference)
        proof = Proof(self.key, self.subselect, self.by_subquery, self.assumed | {fact})
        return proof.repeat(lambda: proof.holds_output(inner, index - 1))

    def holds_output(self, scope: Scope, index: int) -> bool:
        """Return whether a column of what a query returns is so."""
        return self.holds_all(list_outputs(scope, index))

    def holds_all(self, origins: list[Origin]) -> bool:
        for scope, node in origins:
            if is_changed(node, scope.query) or not self.holds(scope, node):
                return False
        return True

    def follows(self, test: Node, column: ScopedColumn) -> bool:
        """Return whether a condition that is true makes a column so."""
        equal = column.scope.catalog.equal
        if test.tag == "BOOLEXPR" and test.boolop == "not":
            [excluded] = test.args
            return excluded.tag == "DISTINCTEXPR" and self.is_equal(excluded, column)
        if test.tag == "BOOLEXPR":
            every = all if test.boolop == "or" else any
            return every(self.follows(part, column) for part in test.args)
        if test.tag == "OPEXPR":
            return self.is_equal(test, column)
        if test.tag == "SCALARARRAYOPEXPR" and test.useOr and test.opno in equal:
            value, array = test.args
            return column.matches(value) and self.holds(column.scope, array)
        if test.tag == "SUBLINK" and test.subLinkType == ANY:
            proof = replace(self, subselect=test.subselect)
            return proof.follows(test.testexpr, column)
        return False

    def is_equal(self, test: Node, column: ScopedColumn) -> bool:
        if test.opno not in column.scope.catalog.equal:
            return False
        left, right = test.args
        if column.matches(left) and self.holds(column.scope, right):
            return True
        return column.matches(right) and self.holds(column.scope, left)

    def is_asked_outside(self, column: ScopedColumn) -> bool:
        """Return whether the query around one in a `from` has the condition."""
        query = column.scope.query
        if not is_transparent(query):
            return False
        for index, target in enumerate(list_targets(query)):
            shown = resolve_group(query, strip_casts(target.expr))
            if depends_on_others(query, target):
                continue
            if column.matches(shown) and self.is_output_asked(column.scope, index):
                return True
        return False

    def is_output_asked(self, scope: Scope, index: int) -> bool:
        outer = scope.outer
        if outer is None or not scope.number:
            return False
        if not outer.query.setOperations:
            return self.holds_column(ScopedColumn(outer, scope.number, index + 1))
        return is_transparent(outer.query) and self.is_output_asked(outer, index)


def is_given(column: ScopedColumn, *, by_subquery: bool = False) -> bool:
    """Return whether a column, or the row, is given in each row that a query takes."""
    proof = Proof(by_subquery=by_subquery)
    return proof.repeat(lambda: proof.holds_column(column))


def is_changed(node: Node, query: Node) -> bool:
    """Return whether an `update` sets what it returns: its conditions tell of what was before."""
    if query.commandType != UPDATE:
        return False
    changed = {target.resno for target in query.targetList}
    for part in walk_nodes(node):
        is_target = part.tag == "VAR" and part.varno == query.resultRelation
        if is_target and part.varattno in changed:
            return True
    return False


def is_transparent(query: Node) -> bool:
    """Return whether a condition on what a query returns is as good as one within it."""
    is_cut = any(getattr(query, cut) for cut in CUTS)
    return query.commandType == SELECT and not is_cut


def depends_on_others(query: Node, target: Node) -> bool:
    """Return whether rows depend on others that have another value in a column.

    A window depends on all rows of its partition, and `distinct on` on those that are equal.
    """
    groups = [window.partitionClause for window in query.windowClause]
    if query.hasDistinctOn:
        groups.append(query.distinctClause)
    for group in groups:
        references = {clause.tleSortGroupRef for clause in group}
        if target.ressortgroupref not in references:
            return True
    return False


def resolve_group(query: Node, node: Node) -> Node:
    """Return the expression that a column of `group by` stands for."""
    if node.tag != "VAR" or node.varlevelsup:
        return node
    source = query.rtable[node.varno - 1]
    if source.rtekind != GROUP:
        return node
    return strip_casts(source.groupexprs[node.varattno - 1])
