# kit: updated by the template; extend it from app.py
"""Whether a column of a result can be null, and why: from PostgreSQL's tree of the statement and
from its catalogue.

An empty reason is a proof that there is no null. What is not known, as of a function of the team's,
is said to be so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from service_tools.sql import conditions
from service_tools.sql.functions import (
    FIRST,
    NEVER,
    NEVER_OF_GROUP,
    OF_GROUP,
    RANKS,
    ROWS,
    Functions,
)
from service_tools.sql.tree import Tree

NO_NULL = {
    "NULLTEST",
    "BOOLEANTEST",
    "DISTINCTEXPR",
    "ARRAYEXPR",
    "ROWEXPR",
    "GROUPINGFUNC",
    "MERGESUPPORTFUNC",
}
SELECT, UPDATE, DELETE, MERGE = 1, 2, 4, 5
TABLE, SUBQUERY, JOIN, FUNCTION, VALUES, WITH, GROUP = 0, 1, 2, 3, 5, 6, 9
EXISTS, ANY, EXPRESSION, ARRAY = 0, 2, 4, 6

type Column = tuple[int, int]


@dataclass(frozen=True)
class Known:
    """What the catalogue knows: columns by table and number, trees of views, functions, and which
    `$n` may be None.

    `accounts` has the column that says whose a row is, by table; `keys` those that are unique by
    themselves; `unique` the columns of each constraint; `equal` the operators `=`; `hidden`
    functions that run statements of their own, with what to say of them.
    """

    columns: Mapping[Column, str]
    not_null: Set[Column]
    views: Mapping[int, Tree]
    functions: Functions
    params: Mapping[int, bool] = field(default_factory=dict)
    accounts: Mapping[int, int] = field(default_factory=dict)
    keys: Mapping[int, Sequence[int]] = field(default_factory=dict)
    unique: Mapping[int, Sequence[int]] = field(default_factory=dict)
    equal: Set[int] = frozenset()
    hidden: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """One `select` or other command, in those that it stands in; what its conditions tell about its
    columns.

    `found` are columns that are not null in any row that is kept, `joined` the outer joins that
    found a row then.
    """

    query: Tree
    known: Known
    outer: "Level | None" = None
    found: Set[Column] = frozenset()
    joined: Set[int] = frozenset()
    open: Set[str] = frozenset()

    def up(self, levels: int) -> "Level":
        return self.outer.up(levels - 1) if levels and self.outer else self

    def assume(self, columns: Iterable[Tree]) -> "Level":
        columns = list(columns)
        found = {(it["varno"], it["varattno"]) for it in columns}
        outer = {number for it in columns for number in it["varnullingrels"][1:]}
        # A full join may have found no row of the other side.
        joined = {
            number for number in outer if self.query["rtable"][number - 1].get("jointype") != 2
        }
        return replace(self, found=self.found | found, joined=self.joined | joined)


def enter(query: Tree, known: Known, outer: Level | None = None) -> Level:
    level = Level(query, known, outer, open=outer.open if outer else frozenset())
    met = (
        column
        for condition in conditions.list_conditions(query["jointree"])
        for column in conditions.find_met(condition, known.functions)
    )
    changed = query["resultRelation"] if query["commandType"] in (UPDATE, MERGE) else 0
    return level.assume(column for column in met if column["varno"] != changed)


def explain_column(level: Level, index: int) -> str:
    """Return why a column of a result can be null, or nothing."""
    if operation := level.query["setOperations"]:
        return explain_union(operation, level, index)
    command = level.query["commandType"]
    targets = level.query["targetList" if command == SELECT else "returningList"]
    return explain([it for it in targets if not it["resjunk"]][index]["expr"], level)


def explain_union(part: Tree, level: Level, index: int) -> str:
    if part["node"] == "RANGETBLREF":
        return explain_column(
            enter(level.query["rtable"][part["rtindex"] - 1]["subquery"], level.known, level), index
        )
    left, right = (explain_union(part[side], level, index) for side in ("larg", "rarg"))
    return {1: left or right, 2: left and right, 3: left}[part["op"]]


def explain_first(parts: Iterable[Tree] | None, level: Level) -> str:
    return next(filter(None, (explain(part, level) for part in parts or ())), "")


def explain(it: Tree, level: Level) -> str:
    """Return why an expression can be null, or nothing."""
    kind = it["node"]
    if kind in NO_NULL or (kind == "SQLVALUEFUNCTION" and it["op"] != 14):
        return ""
    if kind in conditions.SAME:
        return explain(conditions.read_argument(it), level)
    special = SPECIAL.get(kind)
    return special(it, level) if special else f"what is not known of {kind.lower()}"


def explain_constant(it: Tree, level: Level) -> str:
    return "it is null, or a `case` without `else`" if it["constisnull"] else ""


def explain_argument(it: Tree, level: Level) -> str:
    return (
        f"${it['paramid']} may be None"
        if it["paramkind"] == 0 and level.known.params.get(it["paramid"])
        else ""
    )


def explain_call(it: Tree, level: Level) -> str:
    known, args = level.known.functions, it["args"] or []
    name = known.name(it)
    if name in NEVER:
        return ""
    if name in FIRST:
        return explain(args[0], level)
    if known.keeps(it):
        return explain_first(args, level)
    return f"it is not known whether {name} returns null"


def explain_member(it: Tree, level: Level) -> str:
    """Of `x = any(…)`: it is null if x is, or when only a null may have been it."""
    value, array = it["args"]
    if array["node"] == "ARRAYEXPR":
        return explain_first([value, *(array["elements"] or ())], level)
    return explain_first(it["args"], level) or (
        "" if array["node"] == "PARAM" else "a null may be in the array"
    )


def explain_alternatives(it: Tree, level: Level) -> str:
    reasons = [explain(part, level) for part in it["args"]]
    return reasons[0] if all(reasons) else ""


def explain_case(it: Tree, level: Level) -> str:
    for branch in it["args"]:
        functions = level.known.functions
        met = level if it["arg"] else level.assume(conditions.find_met(branch["expr"], functions))
        if reason := explain(branch["result"], met):
            return reason
        if not it["arg"] and branch["expr"]["node"] in ("NULLTEST", "BOOLEXPR"):
            level = level.assume(conditions.find_missed(branch["expr"], functions))
    return explain(it["defresult"], level)


def explain_subquery(it: Tree, level: Level) -> str:
    if it["subLinkType"] in (EXISTS, ARRAY):
        return ""
    inner = enter(it["subselect"], level.known, level)
    if it["subLinkType"] == ANY:
        return explain(it["testexpr"], level) or explain_column(inner, 0)
    if it["subLinkType"] == EXPRESSION:
        return (
            explain_column(inner, 0) if has_one_row(inner.query) else "the subquery may find no row"
        )
    return "what is not known of a comparison with a subquery"


def has_one_row(query: Tree) -> bool:
    cuts = ("groupClause", "groupingSets", "havingQual", "limitOffset", "limitCount")
    tables = query["jointree"]["fromlist"] or query["jointree"]["quals"]
    return (
        (query["hasAggs"] or not tables)
        and not any(query[cut] for cut in cuts)
        and not query["setOperations"]
    )


def explain_aggregate(it: Tree, level: Level) -> str:
    name = level.known.functions.name(it)
    if name == "count":
        return ""
    if (
        it["agglevelsup"]
        or not level.query["groupClause"]
        or level.query["groupingSets"]
        or it["aggfilter"]
    ):
        return f"{name} of no rows is null"
    if name in NEVER_OF_GROUP:
        return ""
    if name in OF_GROUP:
        return explain_first([part["expr"] for part in it["args"]], level)
    return f"it is not known whether {name} returns null"


def explain_window(it: Tree, level: Level) -> str:
    name, args = level.known.functions.name(it), it["args"] or []
    if name in RANKS:
        return ""
    if name in ("lag", "lead"):
        return (
            explain_first((args[0], args[2]), level)
            if len(args) == 3
            else f"{name} finds no row at the end"
        )
    frame = level.query["windowClause"][it["winref"] - 1]["frameOptions"]
    if frame & 1 or it["aggfilter"] or name not in (*OF_GROUP, "first_value", "last_value"):
        return f"it is not known whether {name} returns null"
    return explain_first(args, level)  # the row itself is in the usual frame


def explain_json(it: Tree, level: Level) -> str:
    if it["type"] in (1, 2):  # json_object and json_array
        return ""
    return explain(it["func"], level) if it["func"] else explain_first(it["args"], level)


def explain_variable(it: Tree, level: Level) -> str:
    """Of a column of a table, or of whatever else stands in a `from`."""
    level = level.up(it["varlevelsup"])
    number, column = it["varno"], it["varattno"]
    if (number, column) in level.found:
        return ""
    if it["varreturningtype"] or (
        level.query["commandType"] == MERGE and number != level.query["resultRelation"]
    ):
        return "there may be no such row"
    if {*it["varnullingrels"][1:]} - level.joined:
        return "the outer join may find no row"
    source = level.query["rtable"][number - 1]
    return explain_source(source, column, level) if column > 0 else ""


def explain_source(source: Tree, column: int, level: Level) -> str:
    kind, known = source["rtekind"], level.known
    if kind == TABLE and (view := known.views.get(source["relid"])):
        return explain_column(enter(view, known), column - 1)
    if kind == TABLE:
        place = (source["relid"], column)
        return (
            ""
            if place in known.not_null
            else f"{known.columns.get(place, 'its column')} can be null"
        )
    if kind == SUBQUERY:
        return explain_column(enter(source["subquery"], known, level), column - 1)
    if kind in (JOIN, GROUP):
        return explain(source["joinaliasvars" if kind == JOIN else "groupexprs"][column - 1], level)
    if kind == VALUES:
        return explain_first([row[column - 1] for row in source["values_lists"]], level)
    if kind == WITH:
        return explain_with(source, column, level)
    functions = source.get("functions") or []
    if kind == FUNCTION and len(functions) == 1 and functions[0]["funcexpr"]["node"] == "FUNCEXPR":
        call = functions[0]["funcexpr"]
        if column > functions[0]["funccolcount"]:  # with ordinality
            return ""
        if known.functions.name(call) in ROWS or known.functions.keeps(call):
            return explain_first(call["args"], level)
        if known.functions.name(call) == "unnest" and call["args"][0]["node"] in (
            "PARAM",
            "ARRAYEXPR",
        ):
            return explain_first(call["args"][0].get("elements"), level)
    return "it is not known whether what it selects from has nulls"


def explain_with(source: Tree, column: int, level: Level) -> str:
    """Of a `with`. What a recursive one takes from itself has a null only if another part brought
    it.
    """
    name = f"{source['ctename']}.{column}"
    if name in level.open:
        return ""
    home = level.up(source["ctelevelsup"])
    query = next(
        it["ctequery"] for it in home.query["cteList"] if it["ctename"] == source["ctename"]
    )
    return explain_column(
        enter(query, level.known, replace(home, open=level.open | {name})), column - 1
    )


SPECIAL: Mapping[str, Callable[[Tree, Level], str]] = {
    "AGGREF": explain_aggregate,
    "BOOLEXPR": lambda it, level: explain_first(it["args"], level),
    "CASEEXPR": explain_case,
    "CASETESTEXPR": lambda it, level: "",
    "COALESCEEXPR": explain_alternatives,
    "CONST": explain_constant,
    "FUNCEXPR": explain_call,
    "JSONCONSTRUCTOREXPR": explain_json,
    "MINMAXEXPR": explain_alternatives,
    "NULLIFEXPR": lambda it, level: "nullif makes nulls",
    "OPEXPR": explain_call,
    "PARAM": explain_argument,
    "SCALARARRAYOPEXPR": explain_member,
    "SUBLINK": explain_subquery,
    "SUBSCRIPTINGREF": lambda it, level: "a subscript may be outside",
    "VAR": explain_variable,
    "WINDOWFUNC": explain_window,
}
