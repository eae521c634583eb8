# kit: updated by the template; extend it from app.py
"""Limits, offsets and locks of a statement, as PostgreSQL's tree has them."""

from collections.abc import Iterator

from service_tools.sql.bounds import are_bound, is_lookup
from service_tools.sql.catalog import Catalog
from service_tools.sql.cost import MAX_SORTED
from service_tools.sql.plans import Step, walk_plan
from service_tools.sql.scope import Scope
from service_tools.sql.sizes import LARGE
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import (
    ANY,
    ARRAY,
    EXPRESSION,
    SELECT,
    SUBQUERY,
    Node,
    read_number,
    walk_nodes,
)

LEAST = 1
WITH_TIES = 1
WAITS = 0
"""The `waitPolicy` of a lock that is neither `nowait` nor `skip locked`."""

ADDING = ("int4pl", "int8pl", "int48pl", "int84pl")


def check_limits(scope: Scope, plan: Step) -> Findings:
    """Refuse an offset, a limit that limits nothing, and what has no order and needs one."""
    for node in walk_nodes(scope.query):
        if node.tag == "QUERY":
            yield from check_limit(node, scope)
    yield from check_order(scope, plan)


def check_limit(query: Node, scope: Scope) -> Findings:
    skipped = read_number(query.limitOffset)
    if query.limitOffset and (skipped is None or skipped > MAX_SORTED):
        fix = "Page by a key, as `Listing` does: where (created_at, id) < ($1, $2)."
        yield Finding("offset", "each page reads all pages before it", fix)
    limit = query.limitCount
    if limit and (query.limitOption == WITH_TIES or not is_limit(limit, scope)):
        number = read_number(limit)
        detail = "its limit may let all rows through, as `with ties` does"
        if number and number > LARGE:
            detail = f"a limit of {number:,} rows limits nothing"
        fix = f"Write a number up to {LARGE:,}, an argument that is never None, or `least` of both."
        yield Finding("unbounded", detail, fix)


def is_limit(expression: Node, scope: Scope) -> bool:
    """Return whether a limit is a number, an argument, their sum, or the least of several."""
    tag = expression.tag
    if tag == "PARAM":
        return expression.paramid not in scope.nullable_params
    if tag == "FUNCEXPR" and len(expression.args) == 1:
        return is_limit(expression.args[0], scope)
    if tag == "COALESCEEXPR" or (tag == "MINMAXEXPR" and expression.op == LEAST):
        return any(is_limit(part, scope) for part in expression.args)
    if tag == "OPEXPR" and expression.function.name in ADDING:
        return all(is_limit(part, scope) for part in expression.args)
    number = read_number(expression)
    return number is not None and number <= LARGE


def check_order(scope: Scope, plan: Step) -> Findings:
    """Refuse a page of rows in any order, and locks that two requests take in any order."""
    query = scope.query
    is_page = query.limitCount and read_number(query.limitCount) != 1
    is_ordered = query.sortClause or query.rowMarks or query.hasRecursive
    if is_page and not is_ordered and not are_bound(plan.inputs, scope.catalog):
        detail = "its rows come in no order, so a page may repeat or leave out those of another"
        yield Finding("order", detail, "Add an `order by` that ends in a unique column.")
    if is_cut_short(plan, scope.catalog) and any(map(is_any_of_many, list_subqueries(query))):
        detail = "a subquery takes some of its rows in no order, so chance decides which ones"
        fix = "Add an `order by` that ends in a unique column, before its limit."
        yield Finding("order", detail, fix)
    is_several = any(locks_several(step, scope.catalog) for step, _ in walk_plan(plan))
    if is_several and any(map(is_unordered_lock, walk_nodes(query))):
        detail = "it locks rows in no order, so two requests may each wait for the other"
        yield Finding("order", detail, "Add `order by` the key, or `skip locked`.")


def is_cut_short(plan: Step, catalog: Catalog) -> bool:
    """Return whether a limit of a subquery leaves out rows of many."""
    limits = [step for step, above in walk_plan(plan) if above and step.node_type == "Limit"]
    return any(not are_bound(step.inputs, catalog) for step in limits)


def list_subqueries(query: Node) -> Iterator[Node]:
    """Yield the subqueries of a query that only reads whose rows are shown, or aggregated.

    Others may take any rows: those that are changed in batches, counted up to a limit, or sorted
    where no index has them in order.
    """
    if query.commandType != SELECT or query.hasModifyingCTE:
        return
    for node in walk_nodes(query):
        if node.tag == "SUBLINK" and node.subLinkType in (ANY, ARRAY, EXPRESSION):
            yield node.subselect
        if node.tag == "QUERY":
            tables = [source for source in node.rtable if source.rtekind == SUBQUERY]
            is_shown = aggregates(node)
            yield from (it.subquery for it in tables if it.lateral or is_shown)


def aggregates(query: Node) -> bool:
    """Return whether a query makes more of its rows than their number."""
    calls = [node for node in walk_nodes(query.targetList) if node.tag == "AGGREF"]
    return any(call.function.name != "count" for call in calls)


def is_any_of_many(query: Node) -> bool:
    """Return whether a limit leaves to chance which rows a query returns."""
    return bool(query.limitCount) and not query.sortClause and not query.rowMarks


def is_unordered_lock(node: Node) -> bool:
    """Return whether a query locks several rows in any order, and waits for those of others."""
    if node.tag != "QUERY" or node.sortClause or read_number(node.limitCount) == 1:
        return False
    return any(mark.waitPolicy == WAITS and not mark.pushedDown for mark in node.rowMarks)


def locks_several(step: Step, catalog: Catalog) -> bool:
    """Return whether a step locks rows that are not looked up one by one."""
    leaves = [part for part, _ in walk_plan(step) if not part.inputs]
    is_one = all(is_lookup(leaf, catalog) and "ANY" not in leaf.access for leaf in leaves)
    return step.node_type == "LockRows" and not is_one
