# kit: updated by the template; extend it from app.py
"""Every table has a primary key, every foreign key an index, and every index a use."""

from collections.abc import Mapping, Set

import asyncpg

# What an extension or the kit made is theirs. `replica identity` is an author's answer.
KEYLESS_TABLES = """
select c.oid::regclass::text
  from pg_class c
 where c.relkind in ('r', 'p') and not c.relispartition and c.relreplident = 'd'
   and c.relnamespace::regnamespace::text !~ '^(pg_.*|information_schema|kit)$'
   and not exists (select from pg_index where indrelid = c.oid and indisprimary)
   and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
 order by 1
"""

# The first columns of some index have to be those of the key, in any order; rows without a key may
# be left out of it. The keys of partitions are left out here: they come with the table's.
KEYS = r"""
with keys as (
    select k.conname::text as name, k.conrelid::regclass::text as table_name,
           (
               select string_agg(attname, ', ')
                 from pg_attribute where attrelid = k.conrelid and attnum = any(k.conkey)
           ) as columns,
           array(
               select c.relname::text
                 from pg_index i join pg_class c on c.oid = i.indexrelid
                where i.indrelid = k.conrelid and i.indisvalid
                  and coalesce(pg_get_expr(i.indpred, i.indrelid), '') ~ '^(\(\w+ IS NOT NULL\))?$'
                  and i.indnkeyatts >= cardinality(k.conkey)
                  and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
                order by i.indisunique desc, i.indnkeyatts, c.relname
           ) as indexes
      from pg_constraint k
     where k.contype = 'f' and k.conparentid = 0 and k.connamespace::regnamespace::text <> 'kit'
)
"""

FOREIGN_KEYS = "select table_name, name, columns from keys where indexes = '{}'"

# An index that enforces a constraint is used by that, and one of a partitioned table by what uses
# the index of a partition. One of those on a foreign key is used when rows that the key refers to
# are deleted.
IDLE_INDEXES = """
, idle as (
    select c.relname::text as name, i.indrelid::regclass::text as table_name
      from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relnamespace::regnamespace::text not in ('pg_catalog', 'pg_toast', 'kit')
       and not i.indisunique and not c.relispartition and c.relname <> all($1)
       and not exists (select from pg_constraint where conindid = i.indexrelid)
       and not exists (
           select from pg_partition_tree(c.oid) join pg_class part on part.oid = relid
            where part.relname = any($1)
       )
)
select table_name, name
  from idle
 where not exists (
     select from keys where indexes[1] = idle.name and indexes <@ array(select name from idle)
 )
"""


async def check_primary_keys(connection: asyncpg.Connection) -> list[str]:
    """Return what to do for each table without a primary key."""
    return [
        f"{table}: add a primary key; without one, two rows may be the same, and logical "
        "replication refuses each update and delete. If it has a reason to have none, let a "
        f"migration say: alter table {table} replica identity full"
        for (table,) in await connection.fetch(KEYLESS_TABLES)
    ]


async def check_foreign_keys(connection: asyncpg.Connection) -> list[str]:
    """Return what to do for each foreign key without an index."""
    return [
        f"{table}.{name}: add an index on {table} ({columns}); without it, each delete or "
        "change of the row it refers to reads that whole table"
        for table, name, columns in await connection.fetch(KEYS + FOREIGN_KEYS)
    ]


async def check_indexes(
    connection: asyncpg.Connection, used: Set[str], excused: Mapping[str, str]
) -> list[str]:
    """Return what to do for each index that no statement uses: every write pays for it."""
    known = [*used, *(name for name, reason in excused.items() if reason)]
    return [
        f"{table}.{name}: no statement uses this index; drop it, or give the reason in "
        f'perf/budgets.toml under [unused_indexes]: {name} = "…"'
        for table, name in await connection.fetch(KEYS + IDLE_INDEXES, known)
    ]
