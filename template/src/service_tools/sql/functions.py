# kit: updated by the template; extend it from app.py
"""Functions, operators and aggregates, from PostgreSQL's catalogue.

It knows which are strict, so null for a null. It does not know which of them are null for nothing
else, unlike `->>`: those are listed here.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg

# Operators and casts are taken to return null for null only, but for these; functions only if they
# are in NULL_FOR_NULL. Hidden statements are those of the service's own functions that name a table
# of accounts, and those that functions of PostgreSQL run from text.
FUNCTIONS = r"""
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
       and p.proname !~ '^(close_|time$|timetz$|path_add$)|_interpt$|^box_intersect$',
       case
           when p.proname ~ '^(query|table|schema|database|cursor)_to_xml|^ts_stat$|^dblink'
           then format('it calls %s, which runs statements from text', p.proname)
           when p.pronamespace not in (
               'pg_catalog'::regnamespace, 'information_schema'::regnamespace
           )
           and p.prolang not in (select oid from pg_language where lanname in ('c', 'internal'))
           then (
               select format('it calls %s, whose text names %s', p.proname, min(c.relname))
                 from pg_class c
                where c.oid = any($2)
                  and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
                      ~* ('\m' || c.relname || '\M')
               having count(*) > 0
           )
       end
  from pg_proc p
"""

NULL_FOR_NULL = """
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
"""


class Function(NamedTuple):
    """A function, also one behind an operator, an aggregate or a window function."""

    name: str
    is_strict: bool = False
    is_null_for_null: bool = False
    """Whether it is null for a null, and for nothing else."""
    hidden: str | None = None
    """What to say about statements that it runs out of sight of these checks."""


type Functions = Mapping[int, Function]
"""Functions by oid."""


async def read_functions(connection: asyncpg.Connection, accounts: Sequence[int]) -> Functions:
    """Return all functions. Those that name one of the tables of accounts run hidden statements."""
    rows = await connection.fetch(FUNCTIONS, NULL_FOR_NULL.split(), accounts)
    return {oid: Function(*columns) for oid, *columns in rows}
