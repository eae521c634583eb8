# kit: updated by the template; extend it from app.py
"""Comparisons with null: they are never true, and `not in` with one is not either."""

from collections.abc import Iterable, Iterator

from service_tools.sql.nulls import explain_output
from service_tools.sql.scope import Scope, strip_casts, walk_scopes
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import ANY, INNER_QUERIES, UNKNOWN_FUNCTION, Node, walk_nodes

BOOLEAN = 16
"""The oid of the type."""

NOT_CONDITIONS = ("subselect", "targetList", "returningList")
"""What a null does not empty: `exists (… = $1)` is false then, as it should be."""


def check_comparisons(scope: Scope) -> Findings:
    """Refuse `= null`, `not in (…, null)`, and `= $1` or the like where the argument may be None.

    An argument that the statement also tests for null may be None.
    """
    nodes = [*walk_nodes(scope.query)]
    tests = [node for node in nodes if node.tag == "NULLTEST"]
    tested = {node.paramid for node in walk_nodes(tests) if node.tag == "PARAM"}
    if any(part.tag == "CONST" and part.constisnull for part in list_compared(nodes)):
        fix = "Write `is null`, `is not null` or `is distinct from`, or take it out of the list."
        yield Finding("nulls", "it compares with null, which is never true", fix)
    for inner in walk_scopes(scope):
        for node in walk_nodes(inner.query, INNER_QUERIES):
            yield from check_excluded(node, inner)
    for part in list_compared(walk_nodes(scope.query, NOT_CONDITIONS)):
        if part.tag == "PARAM" and part.paramid in scope.nullable_params - tested:
            detail = f"it compares with ${part.paramid}, which may be None: it finds no row then"
            fix = "Leave `| None` out of `params`, or write another statement for None."
            yield Finding("params", detail, fix)


def check_excluded(node: Node, scope: Scope) -> Findings:
    """Refuse `not in (select …)` where the subquery may return a null: no row is kept then."""
    if node.tag != "BOOLEXPR" or node.boolop != "not":
        return
    [excluded] = node.args
    if excluded.tag == "SUBLINK" and excluded.subLinkType == ANY:
        reason = explain_output(scope.enter(excluded.subselect), 0)
        if reason:
            detail = f"`not in` keeps no row if the subquery returns a null: {reason}"
            yield Finding("nulls", detail, "Write `not exists`, or `where … is not null` in it.")


def list_compared(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield what comparisons compare: of an array, its items."""
    for node in nodes:
        is_operator = node.tag == "OPEXPR" and node.opresulttype == BOOLEAN
        if is_operator or node.tag == "SCALARARRAYOPEXPR":
            yield from list_parts(node.args)
        if node.tag == "ROWCOMPAREEXPR":
            yield from list_parts([*node.largs, *node.rargs])


def list_parts(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield expressions, the items of arrays, and all that makes an expression null."""
    for node in map(strip_casts, nodes):
        yield node
        if node.tag == "ARRAYEXPR":
            yield from list_parts(node.elements)
        if getattr(node, "function", UNKNOWN_FUNCTION).nulls == "any":
            yield from list_parts(node.args)
