# kit: updated by the template; extend it from app.py
"""Which functions and operators of PostgreSQL return null: only for a null argument, never, or who
knows when.

That one is strict stands in the catalogue; that it returns null for nothing else, as `->>` does,
stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from service_tools.sql.tree import Tree

# Operators and casts are taken to return null for null only, but for these; functions only if they
# are in KEEPING.
READ = """
select p.oid::int8, p.proname, p.proisstrict,
       p.pronamespace = 'pg_catalog'::regnamespace and p.proisstrict
       and (
           exists (select from pg_operator where oprcode = p.oid) or p.proname = any($1)
           or exists (
               select from pg_cast where castfunc = p.oid and castsource not in ('json'::regtype, 'jsonb'::regtype)
           )
           or (p.proname = 'substring' and p.proargtypes[1] = 'int4'::regtype)
       )
       and p.proname !~ '^(jsonb?_(object_field|array_element|extract_path|path)|close_|time$|timetz$|path_add$)'
       and p.proname !~ '_interpt$|^box_intersect$'
  from pg_proc p
"""

KEEPING = """
abs age array_to_json array_to_string ascii btrim cardinality ceil ceiling char_length character_length
chr clock_timestamp convert_from convert_to date_bin date_trunc decode div encode exp floor gcd gen_random_uuid
hashtext hashtextextended initcap json_array_length jsonb_array_length jsonb_pretty jsonb_set jsonb_strip_nulls
jsonb_typeof json_typeof lcm left length ln log lower lpad ltrim make_date make_interval make_time make_timestamp
make_timestamptz md5 mod nextval now octet_length overlay pg_advisory_xact_lock pg_notify
pg_try_advisory_xact_lock plainto_tsquery position power quote_ident quote_literal random regexp_count regexp_like
regexp_replace repeat replace reverse right round row_to_json rpad rtrim sha256 sha512 sign split_part sqrt
starts_with statement_timestamp strpos substr timezone to_ascii to_hex to_json to_jsonb to_timestamp to_tsquery
to_tsvector transaction_timestamp translate trunc ts_headline ts_rank ts_rank_cd upper uuidv4 uuidv7 version
websearch_to_tsquery width_bucket
"""

NEVER = {
    "concat",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
}
NEVER |= {"array_append", "array_prepend", "num_nonnulls", "num_nulls", "quote_nullable"}
FIRST = {"array_remove", "concat_ws", "format", "string_to_array"}
"""Null if the first argument is."""

RANKS = {"count", "cume_dist", "dense_rank", "ntile", "percent_rank", "rank", "row_number"}
NEVER_OF_GROUP = {"array_agg", "json_agg", "json_object_agg", "jsonb_agg", "jsonb_object_agg"}
OF_GROUP = {
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
}
OF_GROUP |= {"percentile_cont", "percentile_disc", "stddev_pop", "string_agg", "sum", "var_pop"}
"""Aggregates of one row or more are null only if the values are."""

ROWS = {
    "generate_series",
    "jsonb_object_keys",
    "json_object_keys",
    "regexp_split_to_table",
    "string_to_table",
}
"""Functions whose rows have no null unless an argument is one."""


@dataclass(frozen=True)
class Functions:
    """The functions of a database by oid: name, whether strict, and whether they are null for null
    only.
    """

    rows: Mapping[int, tuple[str, bool, bool]]

    def find(self, call: Tree) -> tuple[str, bool, bool]:
        oid = next(
            call[key] for key in ("opfuncid", "funcid", "aggfnoid", "winfnoid") if key in call
        )
        return self.rows.get(oid, ("it", False, False))

    def name(self, call: Tree) -> str:
        return self.find(call)[0]

    def is_strict(self, call: Tree) -> bool:
        return self.find(call)[1]

    def keeps(self, call: Tree) -> bool:
        """Return whether it is null only if an argument is. A day of infinity is null, its seconds
        are infinite.
        """
        name, _, keeps = self.find(call)
        return keeps or (
            name in ("extract", "date_part")
            and call["args"][0].get("constvalue", b"")[4:] == b"epoch"
        )


async def read(connection: asyncpg.Connection) -> Functions:
    rows = await connection.fetch(READ, KEEPING.split())
    return Functions({oid: (name, strict, keeps) for oid, name, strict, keeps in rows})
