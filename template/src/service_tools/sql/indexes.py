# kit: updated by the template; extend it from app.py
"""Every foreign key has an index, and every index is used."""

from collections.abc import Mapping, Set

import asyncpg

# An index that enforces a constraint is used by that. The only one on a foreign key is used when
# rows that the key refers to are deleted.
PLAIN_INDEXES = """
select c.relname, i.indrelid::regclass::text
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where c.relnamespace = 'public'::regnamespace and not i.indisunique
   and not exists (select from pg_constraint where conindid = i.indexrelid)
   and not exists (
       select from pg_constraint k
        where k.contype = 'f' and k.conrelid = i.indrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
          and not exists (
              select from pg_index other
               where other.indrelid = k.conrelid and other.indexrelid <> i.indexrelid
                 and (other.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
          )
   )
"""

# The first columns of some index have to be those of the key, in any order.
BARE_FOREIGN_KEYS = """
select k.conname, k.conrelid::regclass::text,
       (
           select string_agg(attname, ', ')
             from pg_attribute where attrelid = k.conrelid and attnum = any(k.conkey)
       )
  from pg_constraint k
 where k.contype = 'f' and k.connamespace = 'public'::regnamespace
   and not exists (
       select from pg_index i
        where i.indrelid = k.conrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
   )
"""


async def check_foreign_keys(connection: asyncpg.Connection) -> list[str]:
    """Return what to do for each foreign key without an index."""
    return [
        f"{table}.{name}: add an index on {table} ({columns}); without it, each delete or "
        "change of the row it refers to reads that whole table"
        for name, table, columns in await connection.fetch(BARE_FOREIGN_KEYS)
    ]


async def check_indexes(
    connection: asyncpg.Connection, used: Set[str], excused: Mapping[str, str]
) -> list[str]:
    """Return what to do for each index that no statement uses: every write pays for it."""
    return [
        f"{table}.{name}: no statement uses this index; drop it, or give the reason in "
        f'perf/budgets.toml under [unused_indexes]: {name} = "…"'
        for name, table in await connection.fetch(PLAIN_INDEXES)
        if name not in used and not excused.get(name)
    ]
