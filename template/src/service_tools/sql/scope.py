# kit: updated by the template; extend it from app.py
"""The queries of a statement, each with those around it, and where its columns come from."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from service_tools.sql.catalog import Catalog
from service_tools.sql.tree import (
    GROUP,
    INNER_QUERIES,
    JOIN,
    SELECT,
    SUBQUERY,
    TABLE,
    VALUES,
    WITH,
    Node,
    walk_nodes,
)

UNION = 1
"""The `op` of a union; the others are `intersect` and `except`."""

SPELLINGS = (2950, 25, 1043)
"""The oids of uuid, text and varchar."""

VALUE_KEEPING = ("RELABELTYPE", "COLLATEEXPR", "COERCETODOMAIN")
"""Nodes that have the value of their argument."""


@dataclass(frozen=True)
class Scope:
    """A query, and the one that it stands in: in its `from` under a `number`, or elsewhere.

    `nullable_params` are the numbers of the arguments that may be None, `nullable_items` those with
    such items. `never_null` has the columns that the author vouches for. `found` are columns that
    are not null in the rows in question.
    """

    query: Node
    catalog: Catalog
    nullable_params: Set[int] = frozenset()
    nullable_items: Set[int] = frozenset()
    never_null: Set[str] = frozenset()
    outer: "Scope | None" = None
    number: int = 0
    found: Sequence[Node] = ()

    @property
    def path(self) -> tuple[int, ...]:
        """Tells this query from others, also where a view is used twice."""
        outer = self.outer.path if self.outer else ()
        return (id(self.query), self.number, *outer)

    def up(self, levels: int) -> "Scope":
        if self.outer is None or levels == 0:
            return self
        return self.outer.up(levels - 1)

    def enter(self, query: Node, number: int = 0) -> "Scope":
        return replace(self, query=query, outer=self, number=number, found=())

    def get_source(self, number: int) -> Any:
        """Return what stands in the `from` under a number."""
        return self.query.rtable[number - 1]

    def get_view(self, number: int) -> Node | None:
        source = self.get_source(number)
        if source.rtekind != TABLE:
            return None
        return self.catalog.views.get(source.relid)


def walk_scopes(scope: Scope) -> Iterator[Scope]:
    """Yield a query and all those within it."""
    yield scope
    for number, source in enumerate(scope.query.rtable, 1):
        if source.rtekind == SUBQUERY and source.subquery:
            yield from walk_scopes(scope.enter(source.subquery, number))
    for part in scope.query.cteList:
        yield from walk_scopes(scope.enter(part.ctequery))
    for node in walk_nodes(scope.query, INNER_QUERIES):
        if node.tag == "SUBLINK":
            yield from walk_scopes(scope.enter(node.subselect))


type Origin = tuple[Scope, Node]
"""An expression, and the query that it stands in."""


def strip_casts(node: Node) -> Node:
    """Return an expression without what changes its type alone, like a UUID as text."""
    while node.tag in VALUE_KEEPING or (node.tag == "COERCEVIAIO" and node.resulttype in SPELLINGS):
        node = node.arg
    return node


def list_targets(query: Node) -> list[Node]:
    """Return what a query returns."""
    targets = query.targetList if query.commandType == SELECT else query.returningList
    return [target for target in targets if not target.resjunk]


def list_outputs(scope: Scope, index: int) -> list[Origin]:
    """Return the expressions that a column of a query's result is taken from.

    A `union` has some on both sides; `intersect` and `except` return rows of their left side.
    """
    operation = scope.query.setOperations
    if operation:
        return list_arms(scope, operation, index)
    target = list_targets(scope.query)[index]
    return [(scope, target.expr)]


def list_arms(scope: Scope, part: Node, index: int) -> list[Origin]:
    if part.tag == "RANGETBLREF":
        arm = scope.get_source(part.rtindex).subquery
        return list_outputs(scope.enter(arm, part.rtindex), index)
    origins = list_arms(scope, part.larg, index)
    if part.op == UNION:
        origins += list_arms(scope, part.rarg, index)
    return origins


def list_origins(scope: Scope, number: int, column: int) -> list[Origin] | None:
    """Return the expressions that a column in a `from` is taken from.

    Return None for a column of a table or of a function.
    """
    source = scope.get_source(number)
    kind = source.rtekind
    view = scope.get_view(number)
    index = column - 1
    if kind == SUBQUERY or view:
        inner = scope.enter(view or source.subquery, number)
        return list_outputs(inner, index)
    if kind == WITH:
        return list_outputs(enter_with(scope, source), index)
    if kind == JOIN:
        return [(scope, source.joinaliasvars[index])]
    if kind == GROUP:
        return [(scope, source.groupexprs[index])]
    if kind == VALUES:
        return [(scope, row[index]) for row in source.values_lists]
    return None


def enter_with(scope: Scope, source: Node) -> Scope:
    """Return the query of the `with` that a `from` names."""
    home = scope.up(source.ctelevelsup)
    for part in home.query.cteList:
        if part.ctename == source.ctename:
            return home.enter(part.ctequery)
    raise LookupError(source.ctename)
