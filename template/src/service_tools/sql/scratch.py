# kit: updated by the template; extend it from app.py
"""A throwaway database: migrated, empty, and as large as production in the eyes of the planner.

No rows are needed: since version 18 statistics can be restored.
https://www.postgresql.org/docs/18/functions-admin.html
"""

import asyncpg

from service.kit.db.sessions import read_database_url
from service.kit.migrate.apply import apply_pending
from service.kit.migrate.files import MigrationOptions
from service.kit.work.command_error import CommandError
from service_tools.sql.budgets import DEFAULT_ROWS, Budgets
from service_tools.sql.samples import rolled_back

MIN_VERSION = 18
"""The first server that restores statistics."""

# One plan for all arguments. This does not forbid scans and sorts, it avoids them wherever an index
# offers a way: where PostgreSQL uses one all the same, there is no other way.
SETTINGS = """
set plan_cache_mode = force_generic_plan;
set enable_seqscan = off;
set enable_sort = off;
set enable_incremental_sort = off;
set jit = off;
set statement_timeout = '20s';
"""

TABLES = """
select c.oid::regclass::text as name, c.relname as plain, i.inhparent::regclass::text as partitioned
  from pg_class c left join pg_inherits i on i.inhrelid = c.oid and c.relispartition
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
"""

# The planner multiplies the density of rows by the real pages of the file, so these statistics
# divide the wanted rows by the real pages.
RESTORE_STATISTICS = """
select pg_restore_relation_stats(
           'schemaname', 'public',
           'relname', c.relname::text,
           'relpages', greatest(1, pg_relation_size(c.oid) / 8192)::int,
           'reltuples', $2::real,
           'relallvisible', greatest(1, pg_relation_size(c.oid) / 8192)::int
       )
  from pg_class c
 where c.oid = $1::regclass
    or c.oid in (select indexrelid from pg_index where indrelid = $1::regclass)
"""

# Changes to a table that let a row without values in.
OBSTACLES = """
select 'drop constraint ' || quote_ident(conname) || ' cascade'
  from pg_constraint where conrelid = $1::regclass and contype in ('c', 'p')
 union all
select 'alter column ' || quote_ident(attname) || ' drop not null'
  from pg_attribute
 where attrelid = $1::regclass and attnum > 0 and attnotnull and attidentity = ''
   and not attisdropped
"""


async def open_scratch(url: str, budgets: Budgets) -> asyncpg.Connection:
    """Migrate a new database, and return a connection that is ready to plan on."""
    async for _ in apply_pending(read_database_url(url), MigrationOptions()):
        pass
    connection = await asyncpg.connect(url)
    await restore_statistics(connection, budgets)
    return connection


async def restore_statistics(connection: asyncpg.Connection, budgets: Budgets) -> None:
    """Let PostgreSQL plan on this connection as if each table had the rows of its budget.

    Raises `CommandError` if the server is too old for that.
    """
    version = connection.get_server_version().major
    if version < MIN_VERSION:
        raise CommandError(
            f"Plans at the sizes of production need PostgreSQL {MIN_VERSION}, "
            f"and this server is version {version}. Unset TEST_DATABASE_URL to plan on the "
            "embedded one, or leave out tests/kit/test_contract.py."
        )
    for name, plain, partitioned in await connection.fetch(TABLES):
        await allocate_page(connection, name, partitioned)
        rows = budgets.rows.get(plain, DEFAULT_ROWS)
        await connection.fetch(RESTORE_STATISTICS, name, rows)
    await connection.execute(SETTINGS)


async def allocate_page(
    connection: asyncpg.Connection, table: str, partitioned: str | None
) -> None:
    """Make a table one page long.

    The planner takes an empty file for an empty table, whatever its statistics say. A row that is
    rolled back leaves its page behind. To need no valid row, constraints are dropped and rolled
    back.
    """
    async with rolled_back(connection):
        if partitioned:
            await connection.execute(f"alter table {partitioned} detach partition {table}")
        obstacles = [change for (change,) in await connection.fetch(OBSTACLES, table)]
        for change in [*obstacles, "disable trigger user"]:
            await connection.execute(f"alter table {table} {change}")
        await connection.execute(f"insert into {table} default values")
