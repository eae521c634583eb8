# kit: updated by the template; extend it from app.py
"""Whether a column of a result can be null, and why.

PostgreSQL's tree of the statement and its catalogue tell. An empty reason is a proof that there is
no null. Where nothing is known, as about a function of the team's, the reason says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from service_tools.sql import calls, conditions
from service_tools.sql.calls import Deciding
from service_tools.sql.catalog import Catalog, Column
from service_tools.sql.scope import Origin, Scope, list_origins, list_outputs
from service_tools.sql.tree import (
    ANY,
    ARRAY,
    EXISTS,
    EXPRESSION,
    FULL,
    FUNCTION,
    MERGE,
    TABLE,
    UPDATE,
    Node,
)

NEVER_NULL = (
    "NULLTEST",
    "BOOLEANTEST",
    "DISTINCTEXPR",
    "ARRAYEXPR",
    "ROWEXPR",
    "GROUPINGFUNC",
    "MERGESUPPORTFUNC",
    "CASETESTEXPR",
)
CURRENT_SCHEMA = 14
JSON_OBJECT = 1
JSON_ARRAY = 2

IS_NULL = "it is null, or a `case` without `else`"
UNKNOWN_SOURCE = "it is not known whether what it selects from has nulls"

CUTS = ("groupClause", "groupingSets", "havingQual", "limitOffset", "limitCount", "setOperations")
"""Clauses that may leave a query without its row."""


def explain_output(scope: Scope, index: int) -> str:
    """Return why a column of a result can be null, or nothing."""
    return explain_origins(list_outputs(scope, index))


def explain_present(scope: Scope, index: int, present: int) -> str:
    """Return why a column can be null in a row that an outer join found, or nothing.

    The row was found if the column `present` is not null; that one has no other reason for a null.
    """
    outputs = list_outputs(scope, index)
    found = list_outputs(scope, present)
    reasons = []
    for (inner, node), (_, column) in zip(outputs, found, strict=True):
        if node is column:
            matched = Node(**vars(node) | {"varnullingrels": ()})
            reasons.append(explain_expression(matched, inner))
        else:
            reasons.append(explain_expression(node, assume(inner, [column])))
    return next(filter(None, reasons), "")


def explain_origins(origins: Iterable[Origin]) -> str:
    reasons = (explain_expression(node, scope) for scope, node in origins)
    return next(filter(None, reasons), "")


def explain_any(nodes: Iterable[Node], scope: Scope) -> str:
    """Return why one of several expressions can be null, or nothing."""
    return explain_origins((scope, node) for node in nodes)


def explain_expression(node: Node, scope: Scope) -> str:
    """Return why an expression can be null, or nothing."""
    is_current = node.tag == "SQLVALUEFUNCTION" and node.op != CURRENT_SCHEMA
    if is_current or node.tag in NEVER_NULL:
        return ""
    if node.tag in conditions.NULL_KEEPING:
        return explain_expression(conditions.get_argument(node), scope)
    explain = EXPLANATIONS.get(node.tag)
    if explain is None:
        return f"it is not known whether {node.tag.lower()} is null"
    return explain(node, scope)


def explain_param(node: Node, scope: Scope) -> str:
    is_nullable = node.paramkind == 0 and node.paramid in scope.nullable_params
    return f"${node.paramid} may be None" if is_nullable else ""


def explain_call(node: Node, scope: Scope) -> str:
    return explain_deciding(calls.list_deciding(node), node, scope)


def explain_deciding(parts: Deciding, call: Node, scope: Scope) -> str:
    if parts is None:
        return f"it is not known whether {call.function.name} returns null"
    return explain_any(parts, scope)


def explain_member(node: Node, scope: Scope) -> str:
    """Explain `x = any(…)`: it is null if x is, or if only a null could have matched."""
    value, array = node.args
    if array.tag == "ARRAYEXPR":
        return explain_any([value, *array.elements], scope)
    reason = explain_any(node.args, scope)
    if reason or array.tag == "PARAM":
        return reason
    return "a null may be in the array"


def explain_alternatives(node: Node, scope: Scope) -> str:
    """Explain `coalesce`, `greatest` and `least`: they are null only if all arguments are."""
    reasons = [explain_expression(part, scope) for part in node.args]
    return reasons[0] if all(reasons) else ""


def explain_case(node: Node, scope: Scope) -> str:
    results = [branch.result for branch in node.args]
    if node.arg:  # it has values, and no conditions
        return explain_any([*results, node.defresult], scope)
    for branch in node.args:
        met = assume(scope, conditions.find_not_null(branch.expr))
        reason = explain_expression(branch.result, met)
        if reason:
            return reason
        scope = assume(scope, conditions.find_not_null_otherwise(branch.expr))
    return explain_expression(node.defresult, scope)


def explain_subquery(node: Node, scope: Scope) -> str:
    kind = node.subLinkType
    if kind in (EXISTS, ARRAY):
        return ""
    inner = scope.enter(node.subselect)
    if kind == ANY:
        return explain_expression(node.testexpr, scope) or explain_output(inner, 0)
    if kind == EXPRESSION and has_one_row(inner.query):
        return explain_output(inner, 0)
    if kind == EXPRESSION:
        return "the subquery may find no row"
    return "it is not known whether a comparison with a subquery is null"


def has_one_row(query: Node) -> bool:
    is_bare = not query.jointree.fromlist and not query.jointree.quals
    is_cut = any(getattr(query, cut) for cut in CUTS)
    return bool(query.hasAggs or is_bare) and not is_cut


def explain_aggregate(node: Node, scope: Scope) -> str:
    name = node.function.name
    if name == "count":
        return ""
    has_rows = scope.query.groupClause and not scope.query.groupingSets
    if node.agglevelsup or node.aggfilter or not has_rows:
        return f"{name} of no rows is null"
    return explain_deciding(calls.list_deciding_group(node), node, scope)


def explain_window(node: Node, scope: Scope) -> str:
    name = node.function.name
    if name in calls.RANKS:
        return ""
    if name in ("lag", "lead"):
        if len(node.args) < 3:
            return f"{name} finds no row at the end"
        value, _, default = node.args
        return explain_any([value, default], scope)
    window = scope.query.windowClause[node.winref - 1]
    return explain_deciding(calls.list_deciding_frame(node, window.frameOptions), node, scope)


def explain_json(node: Node, scope: Scope) -> str:
    if node.type in (JSON_OBJECT, JSON_ARRAY):
        return ""
    parts = [node.func] if node.func else node.args
    return explain_any(parts, scope)


def assume(scope: Scope, columns: Sequence[Node]) -> Scope:
    """Return a part of a query where some columns are not null."""
    return replace(scope, not_null=[*scope.not_null, *columns])


def list_not_null(scope: Scope) -> list[Node]:
    """Return the columns that are not null in the rows that a query keeps, as it finds them."""
    query = scope.query
    columns: list[Node] = []
    for condition in conditions.list_conditions(query.jointree):
        columns += conditions.find_not_null(condition)
    if query.commandType in (UPDATE, MERGE):
        columns = [column for column in columns if column.varno != query.resultRelation]
    return [*columns, *scope.not_null]


def explain_variable(node: Node, scope: Scope) -> str:
    """Explain a column of a table, or of anything else in a `from`."""
    scope = scope.up(node.varlevelsup)
    query = scope.query
    number = node.varno
    column = node.varattno
    not_null = list_not_null(scope)
    if any(it.varno == number and it.varattno == column for it in not_null):
        return ""
    is_merged = query.commandType == MERGE and number != query.resultRelation
    if is_merged or node.varreturningtype:
        return "there may be no such row"
    joins = set(node.varnullingrels[1:])
    if joins - find_matched(not_null, scope):
        return "the outer join may find no row"
    if column <= 0:  # the row itself, or a column of PostgreSQL's own
        return ""
    return explain_column(scope, number, column)


def find_matched(not_null: Iterable[Node], scope: Scope) -> set[int]:
    """Return the numbers of the outer joins that found a row, if some columns are not null."""
    matched: set[int] = set()
    for column in not_null:
        for number in column.varnullingrels[1:]:
            # A full join may have found no row of the other side.
            if scope.get_source(number).jointype != FULL:
                matched.add(number)
    return matched


def explain_column(scope: Scope, number: int, column: int) -> str:
    path = (*scope.path, number, column)
    if path in scope.explained:
        return ""
    origins = list_origins(scope, number, column)
    if origins is not None:
        explained = scope.explained | {path}
        within = [(replace(inner, explained=explained), node) for inner, node in origins]
        return explain_origins(within)
    source = scope.get_source(number)
    if source.rtekind == TABLE:
        return explain_table((source.relid, column), scope.catalog)
    if source.rtekind == FUNCTION and len(source.functions) == 1:
        return explain_row_function(source.functions[0], column, scope)
    return UNKNOWN_SOURCE


def explain_table(column: Column, catalog: Catalog) -> str:
    if column in catalog.not_null:
        return ""
    name = catalog.columns.get(column, "its column")
    return f"{name} can be null"


def explain_row_function(function: Node, column: int, scope: Scope) -> str:
    call = function.funcexpr
    if call.tag != "FUNCEXPR":
        return UNKNOWN_SOURCE
    if column > function.funccolcount:  # with ordinality
        return ""
    deciding = calls.list_deciding_rows(call)
    if deciding is None:
        return UNKNOWN_SOURCE
    return explain_any(deciding, scope)


EXPLANATIONS: Mapping[str, Callable[[Node, Scope], str]] = {
    "AGGREF": explain_aggregate,
    "BOOLEXPR": lambda node, scope: explain_any(node.args, scope),
    "CASEEXPR": explain_case,
    "COALESCEEXPR": explain_alternatives,
    "CONST": lambda node, scope: IS_NULL if node.constisnull else "",
    "FUNCEXPR": explain_call,
    "JSONCONSTRUCTOREXPR": explain_json,
    "MINMAXEXPR": explain_alternatives,
    "NULLIFEXPR": lambda node, scope: "nullif makes nulls",
    "OPEXPR": explain_call,
    "PARAM": explain_param,
    "SCALARARRAYOPEXPR": explain_member,
    "SUBLINK": explain_subquery,
    "SUBSCRIPTINGREF": lambda node, scope: "a subscript may be outside",
    "VAR": explain_variable,
    "WINDOWFUNC": explain_window,
}
