# kit: updated by the template; extend it from app.py
"""What a statement costs at the sizes of production, in rows.

It may read, sort, count, change, lock or return them.
"""

from collections.abc import Iterator

from service_tools.sql.advice import QUALIFIER, advise_filter, advise_scan, advise_sort
from service_tools.sql.bounds import (
    TABLE,
    are_bound,
    find_equal,
    is_bound,
    is_given,
    is_lookup,
    skips_first,
    split_conditions,
    split_text,
)
from service_tools.sql.catalog import Catalog, normalize
from service_tools.sql.plans import Step, Steps, walk_inputs, walk_plan
from service_tools.sql.sizes import LARGE
from service_tools.sql.statement import Finding, Findings

MAX_SORTED = 1_000
"""Rows that may be sorted for one request: ten of the largest pages."""

GROUPING = ("Aggregate", "Group", "Unique", "WindowAgg")
CHANGING = ("ModifyTable", "LockRows")

STREAMING = (
    "Append",
    "Merge Append",
    "Nested Loop",
    "Hash Join",
    "Merge Join",
    "Group",
    "LockRows",
    "ProjectSet",
    "Result",
    "Subquery Scan",
    "Unique",
    "WindowAgg",
)
"""Steps that take the rows of the first step below them one by one, so that a limit ends both."""

COUNT_ADVICE = (
    "Keep the figure in a table of its own. A count may end early: of a subquery with a limit."
)
ACCOUNT_ADVICE = (
    " If no account has so many rows, say how many in perf/budgets.toml, under [largest_account]."
)
PAGE_ADVICE = "Page by a key, not by a number. "
FIRST_ADVICE = (
    "Take the first of each group by itself: "
    "from the groups cross join lateral (select … order by … limit 1) as r."
)


def check_plan(plan: Step, returns: bool, catalog: Catalog) -> Findings:
    for step, above in walk_plan(plan):
        yield from check_scan(step, above, catalog)
        yield from check_join(step, catalog)
        yield from check_sort(step, above, catalog)
        yield from check_group(step, above, catalog)
    yield from check_bound(plan, returns, catalog)


def check_scan(step: Step, above: Steps, catalog: Catalog) -> Findings:
    """Refuse to read a large table whole, or to read rows that a filter then discards."""
    table = step.relation_name
    is_scan = step.node_type.endswith("Scan")
    if not is_scan or not catalog.is_large(step):
        return
    discarded = find_discarded(step, catalog)
    if reads_all(step, above, catalog):
        detail = f"it reads the whole table {table}"
        yield Finding("scan", detail, advise_scan(step, above))
    elif discarded and not is_lookup(step, catalog):
        detail = f"it reads rows of {table} and discards those that are not {step.filter}"
        yield Finding("filter", detail, advise_filter(discarded))


def expect_rows(step: Step, catalog: Catalog) -> int:
    """Return how many rows a step has. One that is looked up by arguments is one.

    PostgreSQL's statistics do not say so of a key of several columns.
    """
    rows = step.plan_rows
    for part in walk_inputs(step):
        if is_given(part, catalog) and "ANY" not in part.access:
            rows //= max(1, part.plan_rows)
    return rows


def check_join(step: Step, catalog: Catalog) -> Findings:
    """Refuse to join many rows, and then to discard those that a condition on both tables leaves.

    Sides that have to be equal are how tables are joined, and no condition that discards rows.
    """
    if not step.join_type or is_bound(step, catalog):
        return
    conditions = list_join_conditions(step)
    found = [it for it in conditions if len(split_text(it, " = ")) == 1]
    rows = max(part.plan_rows for part in step.inputs)
    if found and rows >= LARGE:
        discarded = " AND ".join(found)
        detail = f"it joins about {rows:,} rows and discards those that are not {discarded}"
        yield Finding("filter", detail, advise_filter(discarded))


def list_join_conditions(step: Step) -> Iterator[str]:
    """Yield the conditions by which a join discards rows of its first side."""
    yield from split_conditions(step.filter)
    if step.join_type == "Inner":
        yield from split_conditions(step.join_filter)
        for side in step.inputs[1:]:
            for condition in split_conditions(side.filter):
                if {*TABLE.findall(condition)} - {side.alias}:
                    yield condition


def find_discarded(step: Step, catalog: Catalog) -> str:
    """Return the conditions by which a scan discards rows that it has read.

    That is not the condition of a partial index, which PostgreSQL repeats where it locks rows, nor
    any for the few rows that refer to another.
    """
    if catalog.has_few(step, find_equal(step, step.access)):
        return ""
    index = catalog.indexes.get(step.index_name)
    known = normalize(index.predicate) if index else ""
    conditions = split_conditions(step.filter)
    found = [it for it in conditions if normalize(QUALIFIER.sub("", it)) not in known]
    return " AND ".join(found)


def reads_all(step: Step, above: Steps, catalog: Catalog) -> bool:
    """Return whether a scan reads all rows. A limit ends one that follows an index."""
    if step.node_type == "Seq Scan":
        return True
    if "Index" not in step.node_type or not skips_first(step, catalog):
        return False
    return bool(step.index_cond) or not stops_early(step, above)


def stops_early(step: Step, above: Steps) -> bool:
    """Return whether a limit ends a scan, also one whose rows are joined one by one."""
    below = step
    for upper in reversed(above):
        if upper.node_type == "Limit":
            wanted = min(upper.plan_rows, MAX_SORTED)
            return step.plan_rows * wanted <= LARGE * below.plan_rows
        is_first = upper.plans[0] is below or "Append" in upper.node_type
        is_streaming = upper.node_type in STREAMING or upper.presorted_key
        if not is_streaming or not is_first:
            return False
        below = upper
    return False


def check_sort(step: Step, above: Steps, catalog: Catalog) -> Findings:
    """Refuse to sort more rows than a few pages: an index has them in order already.

    Rows that are sorted to be grouped are counted there.
    """
    rows = expect_rows(step, catalog)
    is_sort = step.node_type in ("Sort", "Incremental Sort")
    is_grouped = above and above[-1].node_type in GROUPING
    if not is_sort or is_grouped or rows <= MAX_SORTED:
        return
    if not is_bound(step, catalog) and not sorts_few(step, catalog):
        key = ", ".join(step.sort_key)
        yield Finding("sort", f"it sorts about {rows:,} rows by {key}", advise_sort(step))


def sorts_few(step: Step, catalog: Catalog) -> bool:
    """Return whether a step sorts only rows of one time, or those that come with one row."""
    columns = {key.rpartition(".")[2] for key in step.presorted_key}
    parts = [part for part, _ in walk_plan(step)]
    return any(catalog.has_key(part, columns) or catalog.has_times(part, columns) for part in parts)


def check_group(step: Step, above: Steps, catalog: Catalog) -> Findings:
    """Refuse to read many rows for a count or the like, but not to number those of a page."""
    is_ordered = "ORDER BY" in step.window
    is_page = is_ordered and above and above[-1].node_type == "Limit"
    if step.node_type not in GROUPING or is_page or are_bound(step.inputs, catalog):
        return
    rows = max(expect_rows(part, catalog) for part in step.inputs)
    if rows >= LARGE:
        is_count = "Agg" in step.node_type and not is_ordered
        purpose = "count or add them up" if is_count else "keep few of them"
        detail = f"it reads about {rows:,} rows to {purpose}"
        yield Finding("aggregate", detail, advise_group(step, is_count, catalog))


def advise_group(step: Step, is_count: bool, catalog: Catalog) -> str:
    """Return how to have the same without reading so many rows."""
    if not is_count:
        return (PAGE_ADVICE if step.node_type == "WindowAgg" else "") + FIRST_ADVICE
    return COUNT_ADVICE + advise_account(step, catalog)


def advise_account(step: Step, catalog: Catalog) -> str:
    """Return what to declare where the rows belong to accounts."""
    is_own = any(catalog.has_accounts(part) for part, _ in walk_plan(step))
    return ACCOUNT_ADVICE if is_own else ""


def check_bound(plan: Step, returns: bool, catalog: Catalog) -> Findings:
    """Refuse a result, a change or a lock that grows with the table."""
    for step, above in walk_plan(plan):
        is_limited = step.node_type == "LockRows" and above and above[-1].node_type == "Limit"
        if step.node_type in CHANGING and not is_limited and not are_bound(step.inputs, catalog):
            rows = max(part.plan_rows for part in step.inputs)
            detail = f"nothing limits the rows that it changes or locks, about {rows:,}"
            fix = "Take them by a unique key, or in batches: where id in (select id … limit 1000)."
            yield Finding("unbounded", detail, fix)
            return
    if returns and not is_bound(plan, catalog):
        detail = f"nothing limits its result, about {plan.plan_rows:,} rows"
        fix = (
            "Add a limit, or look rows up by a unique key; "
            "an export says excused={'unbounded': 'it streams'}."
        )
        yield Finding("unbounded", detail, fix + advise_account(plan, catalog))
