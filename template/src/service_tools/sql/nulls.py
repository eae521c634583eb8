# kit: updated by the template; extend it from app.py
"""Whether a column of a result can be null, and why.

It cannot, where it is a `not null` column that no outer join empties, or one of the forms below.
All else can, or its author says why not: `never_null` of a `Query`.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import starmap

from service_tools.sql.conditions import list_tests
from service_tools.sql.scope import Origin, Scope, list_origins, list_outputs
from service_tools.sql.tree import (
    ARRAY,
    DELETE,
    EXISTS,
    EXPRESSION,
    FULL,
    FUNCTION,
    INSERT,
    JOIN,
    MERGE,
    TABLE,
    UNKNOWN_FUNCTION,
    UPDATE,
    WITH,
    Node,
)

NULLS = {
    "ARRAYCOERCEEXPR": "any",
    "ARRAYEXPR": "never",
    "BOOLEANTEST": "never",
    "BOOLEXPR": "any",
    "COALESCEEXPR": "all",
    "COERCETODOMAIN": "any",
    "COERCEVIAIO": "any",
    "COLLATEEXPR": "any",
    "DISTINCTEXPR": "never",
    "MERGESUPPORTFUNC": "never",
    "MINMAXEXPR": "all",
    "NULLIFEXPR": "",
    "NULLTEST": "never",
    "RELABELTYPE": "any",
}
"""When nodes are null, as `Function.nulls` says it of functions."""

CURRENT_SCHEMA = 14
"""The `op` of the only value like `current_date` that can be null."""

# The `nulltesttype` of a test.
IS_NULL = 0
IS_NOT_NULL = 1

NO_OLD_ROW = (INSERT, 1)
NO_NEW_ROW = (DELETE, 2)
"""What a statement does, and the `varreturningtype` of a column that is then of no row."""

CUTS = ("groupClause", "groupingSets", "havingQual", "limitOffset", "limitCount")
"""Clauses that may leave a query without its row."""


def explain_output(scope: Scope, index: int, present: int | None = None) -> str:
    """Return why a column of a result can be null, or nothing.

    With the column `present`, only in the rows where that one is not null.
    """
    outputs = list_outputs(scope, index)
    if present is not None:
        others = list_outputs(scope, present)
        pairs = zip(outputs, others, strict=True)
        outputs = [(replace(inner, found=[it]), node) for (inner, node), (_, it) in pairs]
    return explain_any(outputs)


def explain_any(origins: Iterable[Origin]) -> str:
    """Return why one of several expressions can be null, or nothing."""
    return next(filter(None, starmap(explain_expression, origins)), "")


def explain_parts(scope: Scope, nodes: Iterable[Node]) -> str:
    return explain_any((scope, node) for node in nodes)


def explain_expression(scope: Scope, node: Node) -> str:
    """Return why an expression can be null, or nothing."""
    match node.tag:
        case "CASEEXPR":
            parts = [branch.result for branch in node.args]
            tests = [it.expr for it in node.args if it.expr.tag == "NULLTEST"]
            if node.defresult not in [it.arg for it in tests if it.nulltesttype == IS_NULL]:
                parts.append(node.defresult)
            return explain_parts(scope, parts)
        case "CONST":
            return "it is null, or a `case` without `else`" if node.constisnull else ""
        case "PARAM":
            return f"${node.paramid} may be None" if node.paramid in scope.nullable_params else ""
        case "SQLVALUEFUNCTION" if node.op != CURRENT_SCHEMA:
            return ""
        case "SUBLINK":
            return explain_subquery(scope, node)
        case "VAR":
            return explain_variable(scope, node)
    return explain_call(scope, node)


def explain_call(scope: Scope, node: Node) -> str:
    """Explain a function, an operator, an aggregate, or what is like one."""
    function = getattr(node, "function", UNKNOWN_FUNCTION)
    match NULLS.get(node.tag, function.nulls):
        case "never" if not getattr(node, "funcvariadic", False):
            return ""
        case "all":
            reasons = [explain_expression(scope, part) for part in node.args]
            return reasons[0] if all(reasons) else ""
        case "any":
            args = node.args if hasattr(node, "args") else [node.arg]
            reason = explain_parts(scope, args)
            is_member = node.tag == "SCALARARRAYOPEXPR" and not reason
            return explain_items(scope, args[1]) if is_member else reason
        case "items":
            return explain_items(scope, node.args[0])
    name = "nullif" if node.tag == "NULLIFEXPR" else function.name
    return f"{name} may return null"


def explain_subquery(scope: Scope, node: Node) -> str:
    if node.subLinkType in (EXISTS, ARRAY):
        return ""
    inner = scope.enter(node.subselect)
    is_cut = any(getattr(inner.query, cut) for cut in CUTS)
    if node.subLinkType == EXPRESSION and inner.query.hasAggs and not is_cut:
        return explain_output(inner, 0)
    return "the subquery may find no row"


def explain_variable(scope: Scope, node: Node) -> str:
    """Explain a column of a table, or of anything else in a `from`."""
    scope = scope.up(node.varlevelsup)
    query = scope.query
    is_target = node.varno == query.resultRelation
    command = (query.commandType, node.varreturningtype)
    is_merged = query.commandType == MERGE and (node.varreturningtype or not is_target)
    if is_merged or command in (NO_OLD_ROW, NO_NEW_ROW):
        return "there may be no such row"
    tested = [] if node.varlevelsup else list_tested(list_tests(query.jointree))
    is_changed = is_target and query.commandType in (UPDATE, MERGE)
    if node in tested and not is_changed:
        return ""
    found = [it for it in [*tested, *scope.found] if it.tag == "VAR"]
    for number in node.varnullingrels[1:]:
        source = scope.get_source(number)
        if source.rtekind != JOIN:
            return "the rows of totals have none"
        if not any(is_matched(number, source, node, column) for column in found):
            return "the outer join may find no row"
    return explain_column(scope, node.varno, node.varattno)


def list_tested(tests: Iterable[Node]) -> list[Node]:
    """Return what is not null where tests are true."""
    tested: list[Node] = []
    for test in tests:
        if test.tag == "NULLTEST" and test.nulltesttype == IS_NOT_NULL:
            tested.append(test.arg)
        elif test.tag == "OPEXPR" and test.function.nulls == "any":
            tested += test.args
        elif test.tag == "ROWCOMPAREEXPR":
            tested += [test.largs[0], test.rargs[0]]
    return tested


def is_matched(number: int, join: Node, node: Node, column: Node) -> bool:
    """Return whether an outer join found the row of a node if a column is not null."""
    # A full join may have found no row of the other side.
    is_same_side = join.jointype != FULL or column.varno == node.varno
    return is_same_side and number in column.varnullingrels


def explain_column(scope: Scope, number: int, column: int) -> str:
    source = scope.get_source(number)
    if column <= 0 or (source.rtekind == WITH and source.self_reference):
        # A row, a column of PostgreSQL's own, or a row that is made of others of its union.
        return ""
    origins = list_origins(scope, number, column)
    if origins is not None:
        return explain_any(origins)
    if source.rtekind == TABLE:
        key = (source.relid, column)
        catalog = scope.catalog
        return "" if key in catalog.not_null else f"{catalog.columns[key]} can be null"
    if source.rtekind == FUNCTION and [it.funccolcount for it in source.functions] == [1]:
        return explain_expression(scope, source.functions[0].funcexpr)
    return "it is not known whether what it selects from has nulls"


def explain_items(scope: Scope, node: Node) -> str:
    """Return why an item of an array can be null, or nothing.

    The items of a stored array are not known: they count as null if the array itself can be.
    """
    origins: list[Origin] | None = None
    match node.tag:
        case "CONST":
            return ""
        case "PARAM":
            return "an item may be None" if node.paramid in scope.nullable_items else ""
        case "ARRAYEXPR":
            return explain_parts(scope, node.elements)
        case "AGGREF" if node.function.name == "array_agg":
            item = node.args[0].expr
            is_there = node.aggfilter and item in list_tested([node.aggfilter])
            return "" if is_there else explain_expression(scope, item)
        case "SUBLINK":
            inner = scope.enter(node.subselect)
            if node.subLinkType == ARRAY:
                return explain_output(inner, 0)
            origins = list_outputs(inner, 0)
        case "VAR":
            home = scope.up(node.varlevelsup)
            origins = list_origins(home, node.varno, node.varattno)
            if origins is None:
                return explain_variable(scope, node)
        case "COALESCEEXPR" | "OPEXPR" if node.tag != "OPEXPR" or node.function.name == "array_cat":
            origins = [(scope, part) for part in node.args]
    if origins is None:
        return "an item may be null"
    return next(filter(None, starmap(explain_items, origins)), "")
