# kit: updated by the template; extend it from app.py
"""What a statement costs at the sizes of production: rows that it reads, sorts, counts, changes,
locks, or returns.
"""

import re
from collections.abc import Iterator

from service_tools.sql import plans
from service_tools.sql.finding import Finding
from service_tools.sql.plans import Node
from service_tools.sql.schema import LARGE, Schema
from service_tools.sql.tree import Tree, read_number, walk

MOST_SORTED = 1_000
"""Rows that may be sorted for one request: ten of the largest pages."""

UNIONS = ("Append", "Merge Append")
JOINS = ("Nested Loop", "Hash Join", "Merge Join")
GROUPS = ("Aggregate", "Group", "Unique")

# What PostgreSQL writes of a condition that a plain index does not serve, and what does.
ADVICE = {
    r"~~\*? '[^%_]": "Add an index on its column with text_pattern_ops, for a pattern with a fixed beginning",
    r"~~|[^!]~": "Add a trigram index (extension pg_trgm): using gin (the column gin_trgm_ops)",
    r" OR ": "Split it by `union`: a part for each side of `or`, each with its index",
    r"= ANY \((?:\w+\.)?(?P<column>[a-z_]\w*)\)": "Write `{column} @> array[…]`, with an index: using gin ({column})",
    r"(?:\w+\.)?(?P<column>\w+) (?:@>|&&|\?) ": "Add an index: using gin ({column})",
    r"\((?P<column>[a-z]\w*\([^$]*?\)) [=<>]": "Add an index on the expression: ({column})",
}
RANDOM = "Do not sort by chance: start at a random key, `where id >= $1 order by id limit 1`"


def check_plan(plan: Node, returns: bool, known: Schema) -> Iterator[Finding]:
    for node, above in plans.walk(plan):
        yield from check_scan(node, above, known)
        yield from check_sort(node)
        yield from check_group(node, known)
    yield from check_bound(plan, returns, known)


def check_scan(node: Node, above: tuple[Node, ...], known: Schema) -> Iterator[Finding]:
    """Refuse to read a large table whole, or to read rows that a filter then discards."""
    if not node["Node Type"].endswith("Scan") or not known.is_large(node):
        return
    table, condition = node.get("Relation Name"), node.get("Filter")
    stops_early = above and above[-1]["Node Type"] == "Limit"
    reads_all = (
        node["Node Type"].startswith("Index") and not node.get("Index Cond") and not stops_early
    )
    if node["Node Type"] == "Seq Scan" or reads_all:
        yield Finding("scan", f"it reads the whole table {table}", f"{advise(condition, above)}.")
    elif condition and not known.finds_one_row(node):
        detail = f"it reads rows of {table} and discards those that are not {condition}"
        fix = (
            find_advice(condition) or "Add the column to the index, before the columns of the order"
        )
        yield Finding("filter", detail, f"{fix}.")


def advise(condition: str | None, above: tuple[Node, ...]) -> str:
    """Return what would spare a statement from reading a whole table."""
    if condition:
        return find_advice(condition) or f"Add an index for: {condition}"
    if any("random()" in key for node in above for key in node.get("Sort Key", ())):
        return RANDOM
    if above and above[-1]["Node Type"] == "ModifyTable":
        return (
            "Give it a `where`, with an index; all rows are changed in batches, or by a migration"
        )
    return "Add an index for: the join, or the order and the limit of the statement"


def find_advice(condition: str) -> str | None:
    for pattern, advice in ADVICE.items():
        if matched := re.search(pattern, condition):
            column = re.sub(r"\b\w+\.|::\w+", "", matched.groupdict().get("column", ""))
            return advice.format(column=column)
    return None


def check_sort(node: Node) -> Iterator[Finding]:
    """Refuse to sort more rows than some pages: an index has them in order already."""
    if node["Node Type"] in ("Sort", "Incremental Sort") and node["Plan Rows"] > MOST_SORTED:
        key = ", ".join(node.get("Sort Key") or [])
        fix = RANDOM if "random()" in key else f"Add an index on ({key})"
        yield Finding("sort", f"it sorts about {node['Plan Rows']:,} rows by {key}", f"{fix}.")


def check_group(node: Node, known: Schema) -> Iterator[Finding]:
    """Refuse to read many rows for a count, a sum or the like."""
    read = max((step["Plan Rows"] for step in node.get("Plans", ())), default=0)
    if (
        node["Node Type"] in GROUPS
        and read >= LARGE
        and not all(is_bound(step, known) for step in node["Plans"])
    ):
        fix = "Keep the figure in a table of its own, or count in a subquery with a limit."
        yield Finding("aggregate", f"it reads about {read:,} rows to make one of many", fix)


def check_bound(plan: Node, returns: bool, known: Schema) -> Iterator[Finding]:
    """Refuse a result, a change or a lock that grows with the table."""
    if returns and plan["Plan Rows"] > 1 and not is_bound(plan, known):
        fix = "Add a limit, or look rows up by a unique key; an export says excused={'unbounded': 'it streams'}."
        yield Finding(
            "unbounded", f"nothing limits its result, about {plan['Plan Rows']:,} rows", fix
        )
    elif many := next(filter(None, (count_touched(*step, known) for step in plans.walk(plan))), 0):
        fix = "Take them by a unique key, or in batches: where id in (select id … limit 1000)."
        yield Finding(
            "unbounded", f"nothing limits the rows that it changes or locks, about {many:,}", fix
        )


def count_touched(node: Node, above: tuple[Node, ...], known: Schema) -> int:
    """Return about how many rows a step changes or locks, when nothing limits them."""
    limited = any(step["Node Type"] == "Limit" for step in above)
    touches = node["Node Type"] == "LockRows" or node.get("Operation") in (
        "Update",
        "Delete",
        "Merge",
    )
    steps = node.get("Plans", ())
    if (
        not touches
        or limited
        or all(is_bound(step, known) or not reads_large(step, known) for step in steps)
    ):
        return 0
    return max(int(step["Plan Rows"]) for step in steps)


def reads_large(node: Node, known: Schema) -> bool:
    return any(known.is_large(step) for step, _ in plans.walk(node))


def is_bound(node: Node, known: Schema) -> bool:
    """Return whether a step returns few rows, however large the tables are, or all that feed it
    do.
    """
    steps, kind = node.get("Plans", ()), node["Node Type"]
    if kind in ("Limit", "Result") and not (kind == "Result" and steps):
        return True
    if (kind == "Aggregate" and node.get("Strategy") == "Plain") or known.finds_one_row(node):
        return True
    combined = len(steps) == 1 or (kind in (*UNIONS, *JOINS) and bool(steps))
    return combined and all(is_bound(step, known) for step in steps)


def check_tree(tree: Tree | None) -> Iterator[Finding]:
    """Refuse to skip rows, which are all read first, and a limit that is none."""
    for part in walk(tree):
        if part["node"] != "QUERY":
            continue
        offset, most = part["limitOffset"], read_number(part["limitCount"])
        if offset and (read_number(offset) is None or (read_number(offset) or 0) > MOST_SORTED):
            fix = "Page by a key, as `Listing` does: where (created_at, id) < ($1, $2)."
            yield Finding("offset", "each page reads all pages before it", fix)
        if most is not None and most > LARGE:
            yield Finding(
                "unbounded",
                f"a limit of {most:,} rows limits nothing",
                f"Let it be at most {LARGE:,}.",
            )
