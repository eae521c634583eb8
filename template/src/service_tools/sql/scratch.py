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
from service_tools.sql.budgets import Budgets
from service_tools.sql.sizes import restore_sizes

MIN_VERSION = 18
"""The first server that restores statistics."""

SETTINGS = """
set enable_seqscan = off;
set enable_partition_pruning = off;
set jit = off;
set statement_timeout = '20s';
"""

# Make each table one page long: the planner takes an empty file for an empty table, whatever its
# statistics say. A row that is taken back leaves its page behind. No domain, check, default, rule
# or trigger refuses it, since they are dropped for it with the columns, and taken back as well. A
# materialized view takes it as a table, if a superuser asks; without one it looks empty.
ALLOCATE_PAGES = """
do $$
declare
    part record;
    change text;
begin
    for part in
        select oid, oid::regclass as name, relkind
          from pg_class
         where relkind in ('r', 'm')
           and relnamespace::regnamespace::text
               not in ('pg_catalog', 'information_schema', 'pg_toast')
    loop
        begin
            if part.relkind = 'm' then
                update pg_class set relkind = 'r' where oid = part.oid;
            end if;
            for change in
                select format(
                           case when relispartition then 'alter table %s detach partition %s'
                                else 'alter table %2$s no inherit %1$s' end,
                           inhparent::regclass, inhrelid::regclass
                       )
                  from pg_inherits join pg_class on oid = inhrelid
                 where inhrelid = part.oid
                 union all
                select format('alter table %s not of', part.name)
                  from pg_class
                 where oid = part.oid and reloftype > 0
                 union all
                select format('drop rule %I on %s', rulename, part.name)
                  from pg_rewrite
                 where ev_class = part.oid and rulename <> '_RETURN'
                 union all
                select format('alter table %s disable trigger user', part.name)
                 union all
                select format('alter table %s disable row level security', part.name)
                 union all
                select format('alter table %s drop column if exists %I cascade', part.name, attname)
                  from pg_attribute
                 where attrelid = part.oid and attnum > 0 and not attisdropped
            loop
                execute change;
            end loop;
            execute format('insert into %s default values', part.name);
            raise 'taken back';
        exception when others then
            if sqlerrm <> 'taken back' and part.relkind = 'r' then
                raise '% takes no row: %', part.name, sqlerrm;
            end if;
        end;
    end loop;
end $$
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
    await connection.execute(ALLOCATE_PAGES)
    await restore_sizes(connection, budgets)
    await connection.execute(SETTINGS)
