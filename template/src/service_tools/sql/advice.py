# kit: updated by the template; extend it from app.py
"""What to do about rows that a plan reads, discards or sorts in vain."""

import re
from collections.abc import Mapping

from service_tools.sql.plans import Step, Steps, walk_plan

QUALIFIER = re.compile(r"\b[a-z_]\w*\.|::\w+")
"""What PostgreSQL writes of a column, and an index has not."""

SUBQUERY = (
    "No index has these rows in this order. Take at most 1,000 in a subquery, whichever come "
    "first, and sort those: from (select … limit 1000) as found order by …"
)

# Below are patterns of conditions, or of what is sorted by, as PostgreSQL writes them.
UNSERVED = {
    r"~~\*? '[^%_]": (
        "Add an index on its column with text_pattern_ops, for a pattern with a fixed beginning."
    ),
    r"~~|[^!]~": "Add a trigram index (extension pg_trgm): using gin (the column gin_trgm_ops).",
    r"\(\$\d+(?:::\w+)? IS NULL\)": (
        "Write two statements, one with the condition and one without: no index serves both."
    ),
    r"\((?P<column>\S+) (?P<sign>[<>]=?) (?P<x>\S+)\) OR \(\((?P=column) = (?P=x)\) AND \("
    r"(?P<next>\S+) (?P<last>[<>]=?) (?P<y>[^\s)]+)": (
        "Compare rows: ({column}, {next}) {last} ({x}, {y})."
    ),
    r"\((?P<column>[\w.]+)\)::(?:date|time)\b": (
        "Compare the column itself, which an index has: {column} >= … and {column} < …."
    ),
    r"\([\w.]+ [+-] '[^']*'::interval\) [<>=]": (
        "Compare the column itself, which an index has: take the interval to the other side."
    ),
    r"\(?(?P<column>[\w.]+)\)?(?:::\w+)? <> (?P<value>'[^']*')": (
        "Add an index with the other columns and those of the order, where {column} <> {value}."
    ),
    r"[%*/+-] \$\d": (
        "No index has what an argument makes of a column: keep it in a column of its own, or leave "
        "the condition out."
    ),
    r" OR ": "Split it by `union`: a part for each side of `or`, each with its index.",
    r"= ANY \((?:\w+\.)?(?P<column>[a-z_]\w*)\)": (
        "Write `{column} @> array[…]`, with an index: using gin ({column})."
    ),
    r"(?:\w+\.)?(?P<column>\w+) (?:@>|&&|\?) ": (
        "Add an index on ({column}): gin, or gist for a range."
    ),
    r"(?:^|\()(?P<column>[a-z]\w*\([^$]*?\)|\([\w.]+ ->>? [^$)]+\)) [=<>]": (
        "Add an index on the expression: ({column}), then the columns of the order."
    ),
    r"(?P<column>\w+) IS (?P<kind>NOT NULL|NULL)": (
        "Add an index with the other columns and those of the order, where {column} IS {kind}."
    ),
}
"""What a plain index does not serve, and what does."""

UNORDERED = {
    r"(?P<column>\w+)\)?(?:::\w+)? = ANY \((?:\$|'|\(*ARRAY)": (
        "An index has only the rows of one value in order. Take those of each by themselves: "
        "from unnest(…) as v cross join lateral "
        "(select … where {column} = v order by … limit …) as r order by … limit …"
    ),
    r"@>|&&|@@|\?|~~|[^!]~": SUBQUERY,
}
"""Where an index finds rows and does not have them in order."""

SORT_KEYS = {
    r"random\(\)": (
        "Do not sort randomly: start at a random key, `where id >= $1 order by id limit 1`."
    ),
    r"SubPlan": "Keep it in a column of the table, with an index.",
    r"CASE.*\$": "Write one statement for each order, each with its index.",
    r"(?P<column>\w+) <\S*> ": "Add an index: using gist ({column}).",
    r"\$|\b(\w+)\..*, \(?(?!\1\.)\w+\.": SUBQUERY,
}
"""What rows are not to be sorted by, and keys that no index has: of arguments or several tables."""


def find_advice(known: Mapping[str, str], text: str) -> str | None:
    for pattern, advice in known.items():
        found = re.search(pattern, text)
        if found:
            names = found.groupdict("")
            plain = {name: QUALIFIER.sub("", text) for name, text in names.items()}
            return advice.format(**plain)
    return None


def advise_scan(step: Step, above: Steps) -> str:
    """Return how to keep a statement from reading a whole table."""
    condition = step.filter or step.index_cond
    if condition:
        return find_advice(UNSERVED, condition) or f"Add an index for: {condition}."
    changed = above[-1] if above else step
    if changed.node_type == "ModifyTable" and changed.relation_name == step.relation_name:
        return "Give it a `where`, with an index; all rows are changed in batches, by a script."
    return "Add an index for: the join, or the order and the limit of the statement."


def advise_filter(discarded: str) -> str:
    """Return how to keep a statement from reading rows that do not meet some conditions."""
    advice = find_advice(UNORDERED | UNSERVED, discarded)
    return advice or "Add the column to an index, before the columns of the order."


def advise_sort(step: Step) -> str:
    """Return how to keep a statement from sorting."""
    key = ", ".join(step.sort_key)
    conditions = " ".join(part.index_cond for part, _ in walk_plan(step))
    advice = find_advice(SORT_KEYS, key) or find_advice(UNORDERED, conditions)
    columns = QUALIFIER.sub("", key)
    return advice or f"Add an index on (…, {columns}): first the columns compared with `=`."
