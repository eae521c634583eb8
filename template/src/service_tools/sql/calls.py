# kit: updated by the template; extend it from app.py
"""Which arguments make a call null: of a function, an operator, an aggregate or a window."""

from collections.abc import Sequence

from service_tools.sql.tree import Node

NEVER_NULL = {
    "array_append",
    "array_prepend",
    "concat",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "num_nonnulls",
    "num_nulls",
    "quote_nullable",
}

NULL_FOR_FIRST = {
    "array_remove",
    "concat_ws",
    "format",
    "string_to_array",
}
"""Null if the first argument is."""

RANKS = {
    "count",
    "cume_dist",
    "dense_rank",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
}

COLLECTING = {
    "array_agg",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
}
"""Aggregates that are not null for one row or more."""

AGGREGATES = {
    "any_value",
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "every",
    "max",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "stddev_pop",
    "string_agg",
    "sum",
    "var_pop",
}
"""Aggregates that are null for one row or more only if the values are."""

FRAME_FUNCTIONS = AGGREGATES | {"first_value", "last_value"}
"""The same for a window's frame, if the row itself is in it."""

ROW_FUNCTIONS = {
    "generate_series",
    "json_object_keys",
    "jsonb_object_keys",
    "regexp_split_to_table",
    "string_to_table",
}
"""Functions whose rows have no null unless an argument is one."""

CHOSEN_FRAME = 1
"""The bit of `frameOptions` that says that the statement sets a frame."""

type Deciding = Sequence[Node] | None
"""The arguments that make a call null by being null, or None where that is not known."""


def list_deciding(call: Node) -> Deciding:
    """Return what decides whether a function or an operator is null."""
    name = call.function.name
    if name in NEVER_NULL:
        return ()
    if name in NULL_FOR_FIRST:
        return call.args[:1]
    if call.function.is_null_for_null or is_epoch(call):
        return call.args
    return None


def is_epoch(call: Node) -> bool:
    """Return whether a call takes the seconds of a time: only they are infinite for infinity."""
    if call.function.name not in ("extract", "date_part"):
        return False
    unit = getattr(call.args[0], "constvalue", b"")
    return bool(unit[4:] == b"epoch")


def list_deciding_rows(call: Node) -> Deciding:
    """Return what decides whether a row of a function in a `from` is null."""
    name = call.function.name
    if name == "unnest" and call.args[0].tag == "PARAM":
        return ()
    if name == "unnest" and call.args[0].tag == "ARRAYEXPR":
        return call.args[0].elements
    is_known = name in ROW_FUNCTIONS or call.function.is_null_for_null
    return call.args if is_known else None


def list_deciding_group(call: Node) -> Deciding:
    """Return what decides whether an aggregate of one row or more is null."""
    if call.function.name in COLLECTING:
        return ()
    if call.function.name in AGGREGATES:
        return [part.expr for part in call.args]
    return None


def list_deciding_frame(call: Node, frame: int) -> Deciding:
    """Return what decides whether a window function is null: the usual frame has the row itself."""
    is_usual = not frame & CHOSEN_FRAME and not call.aggfilter
    return call.args if is_usual and call.function.name in FRAME_FUNCTIONS else None
