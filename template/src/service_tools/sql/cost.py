# kit: updated by the template; extend it from app.py
"""What a statement costs at the sizes of production, in rows.

It may read, sort, count, change, lock or return them.
"""

import re
from collections.abc import Sequence

from service_tools.sql.catalog import LARGE, Catalog
from service_tools.sql.plans import Step, Steps, walk_plan
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import Node, read_number, walk_nodes

MAX_SORTED = 1_000
"""Rows that may be sorted for one request: ten of the largest pages."""

COMBINING = ("Append", "Merge Append", "Nested Loop", "Hash Join", "Merge Join")
GROUPING = ("Aggregate", "Group", "Unique")
UNNESTING = ("unnest", "jsonb_to_recordset", "json_to_recordset")
"""What makes rows of an argument: the handler bounds them."""
CHANGING = ("Update", "Delete", "Merge")

# Conditions that a plain index does not serve, as PostgreSQL writes them, and what does.
ADVICE = {
    r"~~\*? '[^%_]": (
        "Add an index on its column with text_pattern_ops, for a pattern with a fixed beginning."
    ),
    r"~~|[^!]~": ("Add a trigram index (extension pg_trgm): using gin (the column gin_trgm_ops)."),
    r" OR ": "Split it by `union`: a part for each side of `or`, each with its index.",
    r"= ANY \((?:\w+\.)?(?P<column>[a-z_]\w*)\)": (
        "Write `{column} @> array[…]`, with an index: using gin ({column})."
    ),
    r"(?:\w+\.)?(?P<column>\w+) (?:@>|&&|\?) ": "Add an index: using gin ({column}).",
    r"\((?P<column>[a-z]\w*\([^$]*?\)) [=<>]": "Add an index on the expression: ({column}).",
}
QUALIFIER = re.compile(r"\b\w+\.|::\w+")
RANDOM_ADVICE = "Do not sort randomly: start at a random key, `where id >= $1 order by id limit 1`."


def check_plan(plan: Step, returns: bool, catalog: Catalog) -> Findings:
    for step, above in walk_plan(plan):
        yield from check_scan(step, above, catalog)
        yield from check_sort(step)
        yield from check_group(step, catalog)
    yield from check_bound(plan, returns, catalog)


def check_scan(step: Step, above: Steps, catalog: Catalog) -> Findings:
    """Refuse to read a large table whole, or to read rows that a filter then discards."""
    table = step.relation_name
    condition = step.filter
    is_scan = step.node_type.endswith("Scan")
    if not is_scan or not catalog.is_large(step):
        return
    if reads_all(step, above):
        detail = f"it reads the whole table {table}"
        yield Finding("scan", detail, advise(condition, above))
    elif condition and not catalog.finds_one_row(step):
        detail = f"it reads rows of {table} and discards those that are not {condition}"
        fix = "Add the column to the index, before the columns of the order."
        yield Finding("filter", detail, find_advice(condition) or fix)


def reads_all(step: Step, above: Steps) -> bool:
    """Return whether a scan reads all rows. A limit ends one that follows an index."""
    if step.node_type == "Seq Scan":
        return True
    is_index = step.node_type.startswith("Index")
    return is_index and not step.index_cond and not stops_early(step, above)


def stops_early(step: Step, above: Steps) -> bool:
    """Return whether a limit ends a scan, also one whose rows are joined one by one."""
    joined = step
    for upper in reversed(above):
        if upper.node_type == "Limit":
            share = upper.plan_rows / joined.plan_rows
            return joined is step or step.plan_rows * share <= LARGE
        if upper.node_type != "Nested Loop" or upper.plans[0] is not joined:
            return False
        joined = upper
    return False


def advise(condition: str, above: Steps) -> str:
    """Return how to keep a statement from reading a whole table."""
    if condition:
        return find_advice(condition) or f"Add an index for: {condition}."
    if any(is_random(step) for step in above):
        return RANDOM_ADVICE
    if above and above[-1].node_type == "ModifyTable":
        return (
            "Give it a `where`, with an index; all rows are changed in batches, or by a migration."
        )
    return "Add an index for: the join, or the order and the limit of the statement."


def find_advice(condition: str) -> str | None:
    for pattern, advice in ADVICE.items():
        found = re.search(pattern, condition)
        if found:
            column = found.groupdict().get("column", "")
            return advice.format(column=QUALIFIER.sub("", column))
    return None


def is_random(step: Step) -> bool:
    return any("random()" in key for key in step.sort_key)


def check_sort(step: Step) -> Findings:
    """Refuse to sort more rows than a few pages: an index has them in order already."""
    rows = step.plan_rows
    is_sort = step.node_type in ("Sort", "Incremental Sort")
    if not is_sort or rows <= MAX_SORTED:
        return
    key = ", ".join(step.sort_key)
    fix = f"Add an index on ({key})."
    if is_random(step):
        fix = RANDOM_ADVICE
    yield Finding("sort", f"it sorts about {rows:,} rows by {key}", fix)


def check_group(step: Step, catalog: Catalog) -> Findings:
    """Refuse to read many rows for a count, a sum or the like."""
    if step.node_type not in GROUPING or are_bound(step.plans, catalog):
        return
    rows = max(part.plan_rows for part in step.plans)
    if rows >= LARGE:
        detail = f"it reads about {rows:,} rows to make one of many"
        fix = "Keep the figure in a table of its own, or count in a subquery with a limit."
        yield Finding("aggregate", detail, fix)


def check_bound(plan: Step, returns: bool, catalog: Catalog) -> Findings:
    """Refuse a result, a change or a lock that grows with the table."""
    if returns and plan.plan_rows > 1 and not is_bound(plan, catalog):
        detail = f"nothing limits its result, about {plan.plan_rows:,} rows"
        fix = (
            "Add a limit, or look rows up by a unique key; "
            "an export says excused={'unbounded': 'it streams'}."
        )
        yield Finding("unbounded", detail, fix)
        return
    for step, above in walk_plan(plan):
        rows = count_changed(step, above, catalog)
        if rows:
            detail = f"nothing limits the rows that it changes or locks, about {rows:,}"
            fix = "Take them by a unique key, or in batches: where id in (select id … limit 1000)."
            yield Finding("unbounded", detail, fix)
            return


def count_changed(step: Step, above: Steps, catalog: Catalog) -> int:
    """Return about how many rows a step changes or locks, when nothing limits them."""
    is_limited = any(it.node_type == "Limit" for it in above)
    is_changing = step.node_type == "LockRows" or step.operation in CHANGING
    if is_limited or not is_changing:
        return 0
    large = [part for part in step.plans if reads_large(part, catalog)]
    if are_bound(large, catalog):
        return 0
    return max(part.plan_rows for part in step.plans)


def reads_large(step: Step, catalog: Catalog) -> bool:
    return any(catalog.is_large(part) for part, _ in walk_plan(step))


def is_bound(step: Step, catalog: Catalog) -> bool:
    """Return whether a step, or what feeds it, returns few rows however large the tables are."""
    kind = step.node_type
    count = len(step.inputs)
    is_one = kind == "Aggregate" and step.strategy == "Plain"
    is_given = count == 0 and (kind == "Result" or step.function_name in UNNESTING)
    if kind == "Limit" or is_one or is_given or catalog.finds_one_row(step):
        return True
    if count == 0 or (count > 1 and kind not in COMBINING):
        return False
    return are_bound(step.inputs, catalog)


def are_bound(steps: Sequence[Step], catalog: Catalog) -> bool:
    return all(is_bound(step, catalog) for step in steps)


def check_limits(tree: Node | None) -> Findings:
    """Refuse an offset, whose rows are read in vain, and a limit too large to be one."""
    for node in walk_nodes(tree):
        if node.tag != "QUERY":
            continue
        skipped = read_number(node.limitOffset)
        limit = read_number(node.limitCount)
        if node.limitOffset and (skipped is None or skipped > MAX_SORTED):
            fix = "Page by a key, as `Listing` does: where (created_at, id) < ($1, $2)."
            yield Finding("offset", "each page reads all pages before it", fix)
        if limit is not None and limit > LARGE:
            detail = f"a limit of {limit:,} rows limits nothing"
            yield Finding("unbounded", detail, f"Let it be at most {LARGE:,}.")
