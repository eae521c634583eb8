# kit: updated by the template; extend it from app.py
"""Let PostgreSQL believe that tables hold as many rows as they will in production, so that it plans as it will there.

No rows are needed: since version 18 statistics can be restored. https://www.postgresql.org/docs/18/functions-admin.html
Use it on a database that is thrown away.
"""

from collections.abc import Mapping

import asyncpg

TABLES = """
select c.oid::regclass::text as name, c.relname as plain
  from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
"""

# The planner multiplies the density of rows by the real pages of the file. So the density is what is wanted, over them.
PRETEND = """
select pg_restore_relation_stats(
           'schemaname', 'public',
           'relname', c.relname::text,
           'relpages', greatest(1, pg_relation_size(c.oid) / 8192)::int,
           'reltuples', $2::real,
           'relallvisible', greatest(1, pg_relation_size(c.oid) / 8192)::int
       )
  from pg_class c
 where c.oid = $1::regclass or c.oid in (select indexrelid from pg_index where indrelid = $1::regclass)
"""

CHECKS = "select quote_ident(conname) from pg_constraint where conrelid = $1::regclass and contype in ('c', 'p')"

REQUIRED = """
select quote_ident(attname) as name
  from pg_attribute
 where attrelid = $1::regclass and attnum > 0 and attnotnull and attidentity = '' and not attisdropped
"""


async def pretend(connection: asyncpg.Connection, rows: Mapping[str, int], default: int) -> None:
    """Give every table the statistics of `rows` of its name, or of `default` rows."""
    for table in await connection.fetch(TABLES):
        await allocate_page(connection, table["name"])
        await connection.fetch(PRETEND, table["name"], rows.get(table["plain"], default))


async def allocate_page(connection: asyncpg.Connection, table: str) -> None:
    """Make a table one page long: the planner takes an empty file for an empty table, whatever its statistics say.

    A row that is rolled back leaves its page behind. To need no valid row, constraints are dropped and rolled back.
    """
    transaction = connection.transaction()
    await transaction.start()
    for (name,) in await connection.fetch(CHECKS, table):
        await connection.execute(f"alter table {table} drop constraint {name} cascade")
    for (name,) in await connection.fetch(REQUIRED, table):
        await connection.execute(f"alter table {table} alter column {name} drop not null")
    await connection.execute(f"alter table {table} disable trigger user")
    await connection.execute(f"insert into {table} default values")
    await transaction.rollback()
