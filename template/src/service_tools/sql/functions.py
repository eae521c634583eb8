# kit: updated by the template; extend it from app.py
"""Functions, operators and aggregates, from PostgreSQL's catalogue: when they are null."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg

# Operators on plain types, and those that say yes or no, are null for a null alone. So are casts,
# but not from JSON, which has a null of its own, nor of an infinite time.
# Hidden statements are those of the service's own functions that name a table of accounts, and
# those that functions of PostgreSQL run from text.
FUNCTIONS = r"""
select p.oid::int8, p.proname,
       case
           when p.pronamespace <> 'pg_catalog'::regnamespace then ''
           when p.proname = any(regexp_split_to_array(btrim($1), '\s+')) then 'never'
           when p.proname = 'array_cat' then 'all'
           when p.proname = 'unnest' then 'items'
           when p.proisstrict and (
               p.proname = any(regexp_split_to_array(btrim($5), '\s+'))
               or p.proargtypes::oid[] <@ string_to_array($3, ' ')::regtype[]::oid[]
               and (
                   p.proname = any(regexp_split_to_array(btrim($2), '\s+'))
                   or (p.proname = 'substring' and p.proargtypes[1] = 'int4'::regtype)
                   or exists (select from pg_operator where oprcode = p.oid)
               )
               or p.prorettype = 'bool'::regtype and p.proname !~ '^jsonb_path'
               and exists (select from pg_operator where oprcode = p.oid)
               or p.proname not in ('time', 'timetz')
               and exists (
                   select from pg_cast
                    where castfunc = p.oid and castsource not in ('json'::regtype, 'jsonb'::regtype)
               )
           )
           then 'any'
           else ''
       end,
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
                where c.oid = any($4)
                  and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
                      ~* ('\m' || c.relname || '\M')
               having count(*) > 0
           )
       end
  from pg_proc p
"""

NEVER_NULL = """
array_append array_prepend concat count cume_dist dense_rank json_build_array json_build_object
jsonb_build_array jsonb_build_object num_nonnulls num_nulls percent_rank rank row_number
"""

NULL_FOR_NULL = """
abs age ascii bit_length btrim cardinality cbrt ceil ceiling char_length chr clock_timestamp
date_add date_bin date_subtract date_trunc decode degrees div encode exp factorial floor gcd
gen_random_uuid generate_series initcap isfinite justify_days justify_hours justify_interval lcm
left length ln log lower lpad ltrim make_date make_interval make_time make_timestamp
make_timestamptz md5 mod nextval now octet_length overlay position power quote_ident quote_literal
radians random regexp_count regexp_instr regexp_like regexp_replace repeat replace reverse right
round rpad rtrim scale sha224 sha256 sha384 sha512 sign split_part sqrt starts_with
statement_timestamp strpos substr timezone to_hex to_json to_jsonb to_timestamp
transaction_timestamp translate trim_scale trunc upper uuidv4 uuidv7 width_bucket
"""

NULL_FOR_NULL_OF_ANY_TYPE = """
abbrev broadcast family host isempty jsonb_concat jsonb_delete jsonb_delete_path jsonb_insert
jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof lower_inc lower_inf masklen netmask network
upper_inc upper_inf
"""

PLAIN_TYPES = (
    "bool bytea bpchar date float4 float8 int2 int4 int8 interval numeric text time timestamp "
    "timestamptz uuid varchar regclass anyarray anyelement anyenum anynonarray"
)


class Function(NamedTuple):
    """A function, also one behind an operator, an aggregate or a window function."""

    name: str
    nulls: str = ""
    """When it is null: "never", if "any" or "all" arguments are, or if "items" of one are. Or "",
    where that is not known."""
    hidden: str | None = None
    """What to say about statements that it runs out of sight of these checks."""


type Functions = Mapping[int, Function]
"""Functions by oid."""


async def read_functions(connection: asyncpg.Connection, accounts: Sequence[int]) -> Functions:
    """Return all functions. Those that name one of the tables of accounts run hidden statements."""
    rows = await connection.fetch(
        FUNCTIONS,
        NEVER_NULL,
        NULL_FOR_NULL,
        PLAIN_TYPES,
        accounts,
        NULL_FOR_NULL_OF_ANY_TYPE,
    )
    return {oid: Function(*columns) for oid, *columns in rows}
