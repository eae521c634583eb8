# kit: updated by the template; extend it from app.py
"""Proofs, from PostgreSQL's tree, that a part of a statement takes the rows of a given account.

A column is given where in every row it equals an argument: by a condition, by a column that is
equal and given, or by what a query in `from` makes of one. What is not proven counts as not given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from service_tools.sql.nulls import (
    ANY,
    ARRAY,
    EXPRESSION,
    FUNCTION,
    GROUP,
    JOIN,
    SUBQUERY,
    TABLE,
    UPDATE,
    VALUES,
    WITH,
    Column,
)
from service_tools.sql.places import (
    Place,
    find_with,
    is_column,
    is_transparent,
    list_met,
    list_targets,
    resolve_group,
    strip,
    walk_level,
)
from service_tools.sql.tree import Tree

UNION, INTERSECT = 1, 2

UNKNOWN = ("AGGREF", "WINDOWFUNC", "SUBLINK", "SETTODEFAULT", "CASETESTEXPR", "COERCETODOMAINVALUE")
"""Nodes whose value is not computed from the columns and arguments below them alone."""

type Seen = frozenset[tuple[int, int, int]]
"""What is being proven: columns by query, number of the table, and number of the column."""

WHOLE = -1
"""Stands for a column where it is the row itself that is being proven to be given."""


@dataclass(frozen=True)
class Proof:
    """What is to be proven of a column: that it is given, or that it is the `key` of a row that is.

    `seen` keeps a proof from resting on itself, and `failed` from being tried again: what failed
    while something else was open is forgotten when that turns out to hold.
    """

    key: Column | None = None
    seen: Seen = frozenset()
    failed: dict[object, None] = field(default_factory=dict)

    def add(self, spot: tuple[int, int, int]) -> "Proof":
        return replace(self, seen=self.seen | {spot})

    def holds(self, place: Place, it: Tree) -> bool:
        """Return whether an expression is what is to be proven, in each row."""
        it = strip(it)
        kind = it["node"]
        if kind == "VAR":
            return self.holds_column(place.up(it["varlevelsup"]), it["varno"], it["varattno"])
        if kind == "SUBLINK":
            makes_value = it["subLinkType"] in (EXPRESSION, ARRAY)
            return makes_value and self.holds_output(place.enter(it["subselect"]), 0)
        if kind == "ARRAYEXPR":
            return all(self.holds(place, part) for part in it["elements"] or ())
        return self.key is None and self.is_computed(place, it)

    def is_computed(self, place: Place, it: Tree) -> bool:
        """Return whether an expression depends on arguments, constants and given columns only."""
        for part in walk_level(it):
            kind = part["node"]
            if kind in UNKNOWN or (kind == "PARAM" and part["paramkind"] != 0):
                return False
            if kind == "VAR" and not self.holds(place, part):
                return False
        return True

    def holds_column(self, place: Place, number: int, column: int) -> bool:
        spot = place.spot(number, column)
        if spot in self.seen:
            return False
        proof = self.add(spot)
        return self.note((self.key, spot), lambda: proof.finds_column(place, number, column))

    def note(self, name: object, attempt: Callable[[], bool]) -> bool:
        """Return whether an attempt succeeds, and remember if it does not."""
        if name in self.failed:
            return False
        count = len(self.failed)
        if not attempt():
            self.failed[name] = None
            return False
        while len(self.failed) > count:
            self.failed.popitem()
        return True

    def finds_column(self, place: Place, number: int, column: int) -> bool:
        source = place.query["rtable"][number - 1]
        is_key = source["rtekind"] == TABLE and self.key == (source["relid"], column)
        if is_key and self.is_owned(place, number):
            return True
        if self.comes_from(place, source, number, column):
            return True
        tests = list_met(place.query["jointree"], number)
        if any(self.is_asked(place, test, number, column) for test in tests):
            return True
        return self.is_asked_outside(place, number, column)

    def is_owned(self, place: Place, number: int) -> bool:
        """Return whether the rows of a table are those of a given account."""
        spot = place.spot(number, WHOLE)
        table = place.query["rtable"][number - 1]["relid"]
        if spot in self.seen or table not in place.known.accounts:
            return False
        proof = Proof(None, self.seen | {spot}, self.failed)
        return self.note(spot, lambda: proof.finds_owned(place, number))

    def finds_owned(self, place: Place, number: int) -> bool:
        table = place.query["rtable"][number - 1]["relid"]
        if self.holds_column(place, number, place.known.accounts[table]):
            return True
        for key in place.known.keys.get(table, ()):
            if replace(self, key=(table, key)).holds_column(place, number, key):
                return True
        return False

    def comes_from(self, place: Place, source: Tree, number: int, column: int) -> bool:
        """Return whether what stands in a `from` makes a column so."""
        kind, view = source["rtekind"], place.known.views.get(source.get("relid") or 0)
        if kind == SUBQUERY or (kind == TABLE and view):
            return self.holds_output(place.enter(view or source["subquery"], number), column - 1)
        if column < 1:
            return False
        if kind in (JOIN, GROUP):
            meanings = source["joinaliasvars" if kind == JOIN else "groupexprs"]
            return self.holds(place, meanings[column - 1])
        if kind == VALUES:
            return all(self.holds(place, row[column - 1]) for row in source["values_lists"])
        if kind == FUNCTION:
            calls = [it["funcexpr"] for it in source["functions"]]
            return self.key is None and all(self.is_computed(place, call) for call in calls)
        return kind == WITH and self.comes_from_with(place, source, column)

    def comes_from_with(self, place: Place, source: Tree, column: int) -> bool:
        """Return whether a `with` makes a column so; a recursive one, if it does from row to
        row.
        """
        home = place.up(source["ctelevelsup"])
        query = find_with(home, source["ctename"])
        mark = (id(query), 0, column)
        if mark in self.seen:
            return bool(source["self_reference"])
        seen = frozenset(it for it in self.seen if it[1] == 0)
        return replace(self, seen=seen | {mark}).holds_output(home.enter(query), column - 1)

    def holds_output(self, place: Place, index: int) -> bool:
        """Return whether a column of what a query returns is so."""
        query = place.query
        if query["setOperations"]:
            return self.holds_set(place, query["setOperations"], index)
        target = strip(list_targets(query)[index]["expr"])
        if query["commandType"] == UPDATE and target["node"] == "VAR":
            changed = {it["resno"] for it in query["targetList"]}
            if target["varno"] == query["resultRelation"] and target["varattno"] in changed:
                return False
        return self.holds(place, target)

    def holds_set(self, place: Place, part: Tree, index: int) -> bool:
        if part["node"] == "RANGETBLREF":
            arm = place.query["rtable"][part["rtindex"] - 1]["subquery"]
            return self.holds_output(place.enter(arm, part["rtindex"]), index)
        left = self.holds_set(place, part["larg"], index)
        if part["op"] == UNION:
            return left and self.holds_set(place, part["rarg"], index)
        return left or (part["op"] == INTERSECT and self.holds_set(place, part["rarg"], index))

    def is_asked(self, place: Place, test: Tree, number: int, column: int) -> bool:
        """Return whether a condition that is true makes a column so."""
        kind, args = test["node"], test.get("args", [])
        if kind == "BOOLEXPR" and test["boolop"] in ("and", "or"):
            every = all if test["boolop"] == "or" else any
            return every(self.is_asked(place, part, number, column) for part in args)
        if kind == "BOOLEXPR" and args[0]["node"] == "DISTINCTEXPR":
            return self.is_equal(place, args[0], number, column)
        if kind == "OPEXPR":
            return self.is_equal(place, test, number, column)
        if kind == "SCALARARRAYOPEXPR" and test["useOr"] and test["opno"] in place.known.equal:
            return is_column(args[0], number, column) and self.holds(place, args[1])
        if kind == "SUBLINK" and test["subLinkType"] == ANY and test["testexpr"]:
            return self.is_in(place, test, test["testexpr"], number, column)
        return False

    def is_equal(self, place: Place, test: Tree, number: int, column: int) -> bool:
        if test["opno"] not in place.known.equal:
            return False
        left, right = test["args"]
        if is_column(left, number, column) and self.holds(place, right):
            return True
        return is_column(right, number, column) and self.holds(place, left)

    def is_in(self, place: Place, link: Tree, test: Tree, number: int, column: int) -> bool:
        """Return whether `column in (select …)` makes it so, also as one of several columns."""
        if test["node"] == "BOOLEXPR" and test["boolop"] == "and":
            return any(self.is_in(place, link, part, number, column) for part in test["args"])
        if test["node"] != "OPEXPR" or test["opno"] not in place.known.equal:
            return False
        one, found = test["args"][0], strip(test["args"][1])
        is_found = found["node"] == "PARAM" and found["paramkind"] == 2
        if not is_found or not is_column(one, number, column):
            return False
        return self.holds_output(place.enter(link["subselect"]), found["paramid"] - 1)

    def is_asked_outside(self, place: Place, number: int, column: int) -> bool:
        """Return whether the query around one in `from` has the condition."""
        if not place.number or not place.outer or not is_transparent(place.query):
            return False
        grouped = place.query["groupClause"] or place.query["hasAggs"]
        for index, target in enumerate(list_targets(place.query)):
            shown = resolve_group(place.query, strip(target["expr"]))
            if not is_column(shown, number, column) or (grouped and shown is strip(target["expr"])):
                continue
            if self.is_output_asked(place, index):
                return True
        return False

    def is_output_asked(self, place: Place, index: int) -> bool:
        outer = place.outer
        if outer is None or not place.number:
            return False
        if outer.query["setOperations"]:
            return is_transparent(outer.query) and self.is_output_asked(outer, index)
        return self.holds_column(outer, place.number, index + 1)
