# kit: updated by the template; extend it from app.py
"""What the contract asks of the schema itself: indexes behind foreign keys, and a use for every index."""

from collections.abc import Mapping, Set

import asyncpg

from service_tools.sql.budgets import DEFAULT_ROWS
from service_tools.sql.contract import Schema

TABLES = """
select relname
  from pg_class
 where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'schema_migrations'
"""

UNIQUE = """
select c.relname, i.indnkeyatts
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where c.relnamespace = 'public'::regnamespace and i.indisunique and i.indpred is null
"""

# An index that enforces a constraint is used by that.
PLAIN_INDEXES = """
select c.relname as name, i.indrelid::regclass::text as table
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where c.relnamespace = 'public'::regnamespace and not i.indisunique
   and not exists (select from pg_constraint where conindid = i.indexrelid)
"""

# The first columns of some index have to be those of the key, in any order.
BARE_FOREIGN_KEYS = """
select k.conname as name, k.conrelid::regclass::text as table,
       (
           select string_agg(attname, ', ') from pg_attribute where attrelid = k.conrelid and attnum = any(k.conkey)
       ) as columns
  from pg_constraint k
 where k.contype = 'f' and k.connamespace = 'public'::regnamespace
   and not exists (
       select from pg_index i
        where i.indrelid = k.conrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
   )
"""


async def read_schema(connection: asyncpg.Connection, rows: Mapping[str, int]) -> Schema:
    """Return what the contract needs to know of the schema, at the declared sizes."""
    tables = [name for (name,) in await connection.fetch(TABLES)]
    unique = {row["relname"]: row["indnkeyatts"] for row in await connection.fetch(UNIQUE)}
    return Schema({table: rows.get(table, DEFAULT_ROWS) for table in tables}, unique)


async def check_foreign_keys(connection: asyncpg.Connection) -> list[str]:
    """Return what to do for each foreign key without an index: deleting a row would read the whole other table."""
    return [
        f"{row['table']}.{row['name']}: add an index on {row['table']} ({row['columns']}); without it, each delete or "
        "change of the row it refers to reads that whole table"
        for row in await connection.fetch(BARE_FOREIGN_KEYS)
    ]


async def check_indexes(connection: asyncpg.Connection, used: Set[str], excused: Mapping[str, str]) -> list[str]:
    """Return what to do for each index that no statement uses: every write pays for it."""
    return [
        f"{row['table']}.{row['name']}: no statement uses this index; drop it, or give the reason in perf/budgets.toml "
        f'under [unused_indexes]: {row["name"]} = "…"'
        for row in await connection.fetch(PLAIN_INDEXES)
        if row["name"] not in used and not excused.get(row["name"])
    ]
