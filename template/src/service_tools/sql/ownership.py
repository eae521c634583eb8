# kit: updated by the template; extend it from app.py
"""A statement asks for the account wherever it reads or changes a table with an account column."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service_tools.sql import plans
from service_tools.sql.finding import Finding
from service_tools.sql.nulls import (
    DELETE,
    MERGE,
    SUBQUERY,
    TABLE,
    UPDATE,
    VALUES,
    Known,
)
from service_tools.sql.places import Place, has_table, walk_level
from service_tools.sql.plans import Node
from service_tools.sql.proofs import Proof
from service_tools.sql.tree import Tree, walk

DO_UPDATE = 2
MATCHED = 0
NOT_SENT: Tree = {"node": "SETTODEFAULT"}

EXCUSE = "or say why not: excused={'scope': '…'}"


@dataclass(frozen=True)
class Use:
    """A table that one part of a statement reads or changes."""

    verb: str
    place: Place
    number: int
    fix: str = "Add `{column} = $…` to the conditions there"

    @property
    def table(self) -> int:
        relid: int = self.place.query["rtable"][self.number - 1]["relid"]
        return relid


def check(plan: Node, tree: Tree | None, known: Known) -> Iterator[Finding]:
    """Yield a finding for each table that a statement uses without asking for the account."""
    if tree is None:
        yield from check_unread(plan, known)
        return
    found: dict[str, Finding] = {}
    for use in list_uses(Place(tree, known)):
        if use.table in known.accounts and not Proof().is_owned(use.place, use.number):
            column = known.columns[use.table, known.accounts[use.table]]
            table, _, name = column.rpartition(".")
            fix = use.fix.format(column=name, table=table)
            detail = f"it {use.verb} {table} without asking for the {name}"
            found.setdefault(detail, Finding("scope", detail, f"{fix}, {EXCUSE}."))
    yield from found.values()
    for detail in list_hidden(tree, known):
        fix = "Write its statements out as queries"
        yield Finding("scope", detail, f"{fix}, {EXCUSE}.")


def check_unread(plan: Node, known: Known) -> Iterator[Finding]:
    """Yield a finding for each table of accounts in a plan of which PostgreSQL gives no tree."""
    tables = {known.columns[it].rpartition(".")[0] for it in known.accounts.items()}
    for table in sorted({str(node.get("Relation Name")) for node, _ in plans.walk(plan)} & tables):
        detail = f"it is not known whose rows of {table} it takes"
        yield Finding("scope", detail, f"Write it in another way, {EXCUSE}.")


def list_uses(place: Place) -> Iterator[Use]:
    """Yield every table that a query and those within it read or change."""
    query, target = place.query, place.query["resultRelation"]
    for number, source in enumerate(query["rtable"] or (), 1):
        if source["rtekind"] == SUBQUERY and source["subquery"]:
            yield from list_uses(place.enter(source["subquery"], number))
        elif source["rtekind"] == TABLE and has_table(query["jointree"], number):
            if query["commandType"] == MERGE:
                continue
            if view := place.known.views.get(source["relid"]):
                yield from list_uses(place.enter(view, number))
            else:
                yield Use("changes" if number == target else "reads", place, number)
    if query["commandType"] == MERGE:
        yield from list_merged(place)
    if query["onConflict"] and query["onConflict"]["action"] == DO_UPDATE:
        yield from list_conflicting(place)
    for with_ in query["cteList"] or ():
        yield from list_uses(place.enter(with_["ctequery"]))
    for node in walk_level(query):
        if node["node"] == "SUBLINK":
            yield from list_uses(place.enter(node["subselect"]))


def list_merged(place: Place) -> Iterator[Use]:
    """Yield the target of a `merge` for each of its actions, and the tables that it merges."""
    query, target = place.query, place.query["resultRelation"]
    actions = query["mergeActionList"] or ()
    for action in actions:
        if action["commandType"] not in (UPDATE, DELETE):
            continue
        tests = [action["qual"]]
        if action["matchKind"] == MATCHED:
            tests.append(query["mergeJoinCondition"])
        part = "`on`" if action["matchKind"] == MATCHED else "`when not matched by source`"
        fix = f"Add `and {{table}}.{{column}} = $…` to its {part}"
        yield from list_target(add_conditions(place, target, tests), target, fix)
    only_matched = all(action["matchKind"] == MATCHED for action in actions)
    tests = [query["mergeJoinCondition"]] if only_matched else []
    for number, source in enumerate(query["rtable"], 1):
        if source["rtekind"] == TABLE and number != target and has_table(query["jointree"], number):
            inner = add_conditions(place, target, tests)
            view = place.known.views.get(source["relid"])
            if view:
                yield from list_uses(inner.enter(view, number))
            else:
                yield Use("reads", inner, number)


def list_conflicting(place: Place) -> Iterator[Use]:
    """Yield the target of an `on conflict do update`: the row may be another account's."""
    query, target = place.query, place.query["resultRelation"]
    conflict = query["onConflict"]
    number = conflict["exclRelIndex"]
    columns = place.known.unique.get(conflict["constraint"] or 0, ())
    for element in conflict["arbiterElems"] or ():
        if element["expr"]["node"] == "VAR":
            columns = (*columns, element["expr"]["varattno"])
    tests = [make_equal(place, (target, column), (number, column)) for column in columns]
    sent = {it["resno"]: it["expr"] for it in query["targetList"] or ()}
    row = [sent.get(it, NOT_SENT) for it in range(1, max(sent, default=0) + 1)]
    inserted = {"rtekind": VALUES, "values_lists": [row]}
    fix = "Add `where {table}.{column} = excluded.{column}` to its `do update`"
    known = add_conditions(place, target, [*tests, conflict["onConflictWhere"]])
    tables = [inserted if it == number else source for it, source in enumerate(query["rtable"], 1)]
    place = Place({**known.query, "rtable": tables}, place.known, place.outer)
    yield from list_target(place, target, fix)


def list_target(place: Place, target: int, fix: str) -> Iterator[Use]:
    """Yield what is changed, by way of a view or not."""
    view = place.known.views.get(place.query["rtable"][target - 1]["relid"])
    if view:
        yield from list_uses(place.enter(view, target))
    else:
        yield Use("changes", place, target, fix)


def add_conditions(place: Place, target: int, tests: list[Tree | None]) -> Place:
    """Return a query that has its target in its `from`, and more conditions."""
    inner = place.query["jointree"]
    conditions = [it for it in (inner["quals"], *tests) if it]
    quals = {"node": "BOOLEXPR", "boolop": "and", "args": conditions} if conditions else None
    parts = [{"node": "RANGETBLREF", "rtindex": target}, *(inner["fromlist"] or ())]
    jointree = {"node": "FROMEXPR", "fromlist": parts, "quals": quals}
    return Place({**place.query, "jointree": jointree}, place.known, place.outer, place.number)


def make_equal(place: Place, left: tuple[int, int], right: tuple[int, int]) -> Tree:
    sides = []
    for number, column in (left, right):
        sides.append({"node": "VAR", "varno": number, "varattno": column, "varlevelsup": 0})
    return {"node": "OPEXPR", "opno": next(iter(place.known.equal)), "args": sides}


def list_hidden(tree: Tree | None, known: Known) -> Iterator[str]:
    """Yield what a statement calls that runs statements which are not seen here."""
    found: Any = {}
    for node in walk(tree):
        for key in ("funcid", "opfuncid", "aggfnoid", "winfnoid"):
            if reason := known.hidden.get(node.get(key) or 0):
                found[reason] = True
    yield from found
