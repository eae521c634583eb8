# kit: updated by the template; extend it from app.py
"""Which arguments make PostgreSQL's functions, operators and aggregates null.

PostgreSQL's catalogue says which functions are strict, so null for a null. Which of them are null
for nothing else, unlike `->>`, stands here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from service_tools.sql.tree import Node

# Operators and casts are taken to return null for null only, but for these; functions only if they
# are in NULL_FOR_NULL.
FUNCTIONS = """
select p.oid::int8, p.proname, p.proisstrict,
       p.pronamespace = 'pg_catalog'::regnamespace and p.proisstrict
       and (
           exists (select from pg_operator where oprcode = p.oid) or p.proname = any($1)
           or exists (
               select from pg_cast
                where castfunc = p.oid and castsource not in ('json'::regtype, 'jsonb'::regtype)
           )
           or (p.proname = 'substring' and p.proargtypes[1] = 'int4'::regtype)
       )
       and p.proname !~ '^jsonb?_(object_field|array_element|extract_path|path)'
       and p.proname !~ '^(close_|time$|timetz$|path_add$)|_interpt$|^box_intersect$'
  from pg_proc p
"""


def split_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


NULL_FOR_NULL = split_names("""
abs age array_to_json array_to_string ascii btrim cardinality ceil ceiling char_length
character_length chr clock_timestamp convert_from convert_to date_bin date_trunc decode div encode
exp floor gcd gen_random_uuid hashtext hashtextextended initcap json_array_length json_typeof
jsonb_array_length jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof lcm left length ln log
lower lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz md5 mod nextval
now octet_length overlay pg_advisory_xact_lock pg_notify pg_try_advisory_xact_lock
plainto_tsquery position power quote_ident quote_literal random regexp_count regexp_like
regexp_replace repeat replace reverse right round row_to_json rpad rtrim sha256 sha512 sign
split_part sqrt starts_with statement_timestamp strpos substr timezone to_ascii to_hex to_json
to_jsonb to_timestamp to_tsquery to_tsvector transaction_timestamp translate trunc ts_headline
ts_rank ts_rank_cd upper uuidv4 uuidv7 version websearch_to_tsquery width_bucket
""")

NEVER_NULL = split_names("""
array_append array_prepend concat json_build_array json_build_object jsonb_build_array
jsonb_build_object num_nonnulls num_nulls quote_nullable
""")

NULL_FOR_FIRST = split_names("array_remove concat_ws format string_to_array")
"""Null if the first argument is."""

RANKS = split_names("count cume_dist dense_rank ntile percent_rank rank row_number")

COLLECTING = split_names("array_agg json_agg json_object_agg jsonb_agg jsonb_object_agg")
"""Aggregates that are not null for one row or more."""

AGGREGATES = split_names("""
any_value avg bit_and bit_or bool_and bool_or every max min mode percentile_cont percentile_disc
stddev_pop string_agg sum var_pop
""")
"""Aggregates that are null for one row or more only if the values are."""

FRAME_FUNCTIONS = AGGREGATES | {"first_value", "last_value"}
"""The same of a window's frame, if the row itself is in it."""

ROW_FUNCTIONS = split_names("""
generate_series json_object_keys jsonb_object_keys regexp_split_to_table string_to_table
""")
"""Functions whose rows have no null unless an argument is one."""

OID_FIELDS = ("opfuncid", "funcid", "aggfnoid", "winfnoid")

CHOSEN_FRAME = 1
"""The bit of `frameOptions` that says that the statement sets a frame."""


class Function(NamedTuple):
    """A function; also what an operator, an aggregate or a window function is made of."""

    name: str
    is_strict: bool
    is_null_for_null: bool
    """Whether it is null for a null, and for nothing else."""


type Functions = Mapping[int, Function]
"""Functions by oid."""

type Deciding = Sequence[Any] | None
"""The arguments that make a call null by being null, or None where that is not known."""


async def read_functions(connection: asyncpg.Connection) -> Functions:
    rows = await connection.fetch(FUNCTIONS, NULL_FOR_NULL)
    return {oid: Function(*columns) for oid, *columns in rows}


def find_function(call: Node, functions: Functions) -> Function:
    oid = next(getattr(call, name) for name in OID_FIELDS if hasattr(call, name))
    return functions.get(oid, Function("it", is_strict=False, is_null_for_null=False))


def list_deciding(call: Node, functions: Functions) -> Deciding:
    """Return what decides whether a function or an operator is null."""
    function = find_function(call, functions)
    if function.name in NEVER_NULL:
        return ()
    if function.name in NULL_FOR_FIRST:
        return call.args[:1]
    if function.is_null_for_null or is_epoch(call, function.name):
        return call.args
    return None


def is_epoch(call: Node, name: str) -> bool:
    """Return whether a call takes the seconds of a time: only they are infinite for infinity."""
    if name not in ("extract", "date_part"):
        return False
    unit = getattr(call.args[0], "constvalue", b"")
    return bool(unit[4:] == b"epoch")


def list_deciding_rows(call: Node, functions: Functions) -> Deciding:
    """Return what decides whether a row of a function in a `from` is null."""
    function = find_function(call, functions)
    array = call.args[0] if function.name == "unnest" else None
    if array and array.tag == "PARAM":
        return ()
    if array and array.tag == "ARRAYEXPR":
        return array.elements
    if function.name in ROW_FUNCTIONS or function.is_null_for_null:
        return call.args
    return None


def list_deciding_group(name: str, call: Node) -> Deciding:
    """Return what decides whether an aggregate of one row or more is null."""
    if name in COLLECTING:
        return ()
    if name in AGGREGATES:
        return [part.expr for part in call.args]
    return None
