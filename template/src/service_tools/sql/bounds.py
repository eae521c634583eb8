# kit: updated by the template; extend it from app.py
"""Whether a step of a plan returns few rows, however large the tables are.

A limit bounds them, a key whose columns are all compared with `=`, a list that the request sends,
or a table that is small itself. The conditions are read as `explain (verbose)` writes them.
"""

import re
from itertools import chain

from service_tools.sql.catalog import Catalog, normalize
from service_tools.sql.plans import Step, walk_inputs
from service_tools.sql.sizes import LARGE

NESTED = re.compile(r"'(?:[^']|'')*'|\([^()']*\)")
GIVEN = re.compile(r"(?:unnest|jsonb?_\w+|string_to_table|regexp_\w+|generate_series)\(")
"""What makes rows of an argument: the limit of the body bounds its size."""
TABLE = re.compile(r"\b([a-z_]\w*)\.[a-z_]")
"""The table of a column, in a condition."""

ONE_ROW = ("Result", "Values Scan", "Table Function Scan", "WorkTable Scan")
SEMI_JOINS = ("Semi", "Anti")


def is_bound(step: Step, catalog: Catalog) -> bool:
    """Return whether a step returns few rows. The limits themselves are checked elsewhere."""
    kind = step.node_type
    if is_endless(step):
        return False
    is_one = kind == "Aggregate" and not step.group_key and not step.grouping_sets
    if kind == "Limit" or is_one:
        return True
    if groups_by_key(step, catalog):
        return True
    inputs = step.inputs
    if step.join_type in SEMI_JOINS:
        inputs = inputs[:1]
    is_few = not inputs and (kind in ONE_ROW or GIVEN.match(step.function_call))
    is_small = step.relation_name and not catalog.is_large(step)
    if is_few or is_small or is_lookup(step, catalog):
        return are_bound(step.arrays, catalog)
    return bool(inputs) and are_bound([*inputs, *step.arrays], catalog)


def groups_by_key(step: Step, catalog: Catalog) -> bool:
    """Return whether a step makes one row for each of few that are looked up by their key."""
    for part in walk_inputs(step) if step.group_key else ():
        own = f"{part.alias}."
        columns = {key.removeprefix(own) for key in step.group_key if key.startswith(own)}
        if is_given(part, catalog) and catalog.has_key(part, columns):
            return are_bound(part.arrays, catalog)
    return False


def are_bound(steps: list[Step], catalog: Catalog) -> bool:
    return all(is_bound(step, catalog) for step in steps)


def skips_first(step: Step, catalog: Catalog) -> bool:
    """Return whether a scan has no condition for the first column of its index."""
    index = catalog.indexes.get(step.index_name)
    if index is None or not index.is_btree:
        return False
    own = rf"\b{re.escape(step.alias)}\."
    conditions = normalize(re.sub(own, "", step.index_cond.replace('"', "")))
    first = re.escape(normalize(index.expressions[0]))
    return not re.search(f"(?:^|AND|ROW){first}", conditions)


def is_endless(step: Step) -> bool:
    """Return whether a step makes as many rows as the request says, or a recursion of its own."""
    calls = step.calls
    is_series = "generate_series(" in calls and ("$" in calls or step.plan_rows > LARGE)
    is_recursive = step.node_type == "Recursive Union"
    return is_series or (is_recursive and step.plans[-1].node_type == "WorkTable Scan")


def is_lookup(step: Step, catalog: Catalog) -> bool:
    """Return whether a step finds rows by a whole unique key, or by their place in the table."""
    is_tid = step.node_type == "Tid Scan"
    return is_tid or catalog.has_key(step, find_equal(step, step.conditions))


def is_given(step: Step, catalog: Catalog) -> bool:
    """Return whether a step looks rows up by arguments alone, and not for each row of another."""
    others = {*TABLE.findall(step.conditions)} - {step.alias}
    return not others and is_lookup(step, catalog)


def find_equal(step: Step, text: str) -> set[str]:
    """Return the columns of a scan that have to equal something that is not of the same row."""
    own = re.compile(rf"\b{re.escape(step.alias)}\.")
    found = set()
    for condition in split_conditions(text.replace('"', "")):
        sides = split_text(condition, " = ")
        mine = [side for side in sides if own.search(side)]
        if len(sides) == 2 and len(mine) == 1:
            found.add(normalize(own.sub("", mine[0])))
    return found


def split_conditions(text: str) -> list[str]:
    """Return the conditions that have to be true together: none of an empty text."""
    if not text:
        return []
    parts = split_text(text, " AND ")
    if len(parts) == 1:
        return parts
    return [*chain(*map(split_conditions, parts))]


def split_text(text: str, sign: str) -> list[str]:
    """Split a condition at a sign, but not within parentheses and literals."""
    while text.startswith("(") and set(mask(text)) == {"_"}:
        text = text[1:-1]
    parts = []
    for masked in mask(text).split(sign):
        parts.append(text[: len(masked)])
        text = text[len(masked) + len(sign) :]
    return parts


def mask(text: str) -> str:
    """Return a text of the same length, where literals and all in parentheses are blanked out."""
    while found := NESTED.search(text):
        text = f"{text[: found.start()]}{'_' * len(found[0])}{text[found.end() :]}"
    return text
