# kit: updated by the template; extend it from app.py
"""Find what differs between a database and a new one that the migrations make.

One query reads both catalogs, so no SQL of the files is interpreted.
"""

import asyncio
import os
import re
from contextlib import ExitStack

import asyncpg

from service.kit.db.sessions import DatabaseOptions, bypass_pooler, connect, read_database_url
from service.kit.migrate.apply import apply_pending, find_repairs
from service.kit.migrate.files import MigrationOptions, read_state
from service.kit.server.settings import KitSettings
from service.kit.work.command_error import CommandError
from service_tools.dev import database, embedded
from service_tools.dev.programs import ProgramError
from service_tools.dev.results import Finding, Findings

READ_ONLY = {"default_transaction_read_only": "on", "statement_timeout": "10s"}

# What extensions bring is theirs, and partitions come and go. What a failed `reindex concurrently`
# left is named by its repair.
CATALOG = r"""
with relations as (
    select c.*, format('%I.%I', n.nspname, c.relname) as name
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
       and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and c.relname <> 'schema_migrations'
       and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
)
select name, case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
       name,
       concat_ws(', ', case relpersistence when 'u' then 'unlogged' else 'logged' end,
                 case when relrowsecurity then 'with row level security' end,
                 case when relforcerowsecurity then 'forced' end, pg_get_partkeydef(oid))
  from relations
 union all
select name, 'column', format('%s.%I', name, attname),
       concat_ws(' ', format_type(atttypid, atttypmod), case when attnotnull then 'not null' end,
                 case when attidentity <> '' then 'identity' end,
                 case when attgenerated = '' then 'default' else 'generated' end
                 || ' ' || pg_get_expr(adbin, adrelid))
  from relations r
  join pg_attribute a on a.attrelid = r.oid and attnum > 0 and not attisdropped
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
 union all
select name, 'constraint', format('%s.%I', name, conname), pg_get_constraintdef(k.oid)
  from relations r join pg_constraint k on k.conrelid = r.oid
 where contype <> 'n' and conparentid = 0
 union all
select r.name, 'index', format('%I', c.relname), pg_get_indexdef(c.oid)
  from relations r
  join pg_index i on i.indrelid = r.oid
  join pg_class c on c.oid = i.indexrelid
 where (i.indisvalid or c.relname !~ '_cc(new|old)\d*$')
   and not exists (select from pg_constraint where conindid = c.oid and contype in ('p', 'u', 'x'))
 union all
select name, 'trigger', format('%s.%I', name, tgname),
       case tgenabled when 'D' then 'disabled ' else '' end || pg_get_triggerdef(t.oid)
  from relations r join pg_trigger t on t.tgrelid = r.oid and not tgisinternal
 union all
select name, 'policy', format('%s.%I', name, polname),
       concat_ws(' ', polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
  from relations r join pg_policy on polrelid = r.oid
"""

type Catalog = dict[tuple[str, str, str], str]
"""Definitions by table, kind and name. For a table itself, the name is the table's."""


def find_drift(settings: KitSettings) -> Findings:
    """Yield what differs in the database of the settings. It is only read."""
    real = bypass_pooler(settings.database)
    try:
        for migration, _ in asyncio.run(read_state(real, settings.migrations)):
            if migration.missing:
                raise ProgramError("A newer release migrated this database: compare it with that.")
        found, repairs = asyncio.run(read_database(real))
        wanted = make_database(settings.migrations)
    except (CommandError, asyncpg.PostgresError) as error:
        raise ProgramError(f"The schema cannot be compared: {error}") from error
    for statement in repairs:
        says = "An index is invalid: writes pay for it, and no read uses it."
        yield Finding("schema-invalid-index", says, f"Run `{statement}`.")
    yield from compare_catalogs(found, wanted)


async def read_database(options: DatabaseOptions) -> tuple[Catalog, list[str]]:
    """Return the catalog of a database, and what repairs its invalid indexes."""
    async with connect(options, "service doctor", READ_ONLY) as connection:
        return await read_catalog(connection), await find_repairs(connection)


async def read_catalog(connection: asyncpg.Connection) -> Catalog:
    """Return the catalog of a database.

    PostgreSQL writes each name with its schema, unless that is in the search path. The schema that
    migrations work in is left out.
    """
    schema = await connection.fetchval("select quote_ident(coalesce(current_schema(), 'public'))")
    prefix = re.compile(rf"(?<!\w){re.escape(str(schema))}\.")
    await connection.execute("set search_path = ''")
    catalog: Catalog = {}
    for row in await connection.fetch(CATALOG):
        table, kind, name, definition = [prefix.sub("", text) for text in row]
        catalog[table, kind, name] = definition
    return catalog


def make_database(migrations: MigrationOptions) -> Catalog:
    """Return the catalog of a new database with all migrations.

    It is made on the server of TEST_DATABASE_URL, or the embedded one, and dropped.
    """
    with ExitStack() as stack:
        server = os.environ.get("TEST_DATABASE_URL") or stack.enter_context(
            embedded.run_postgresql()
        )
        scratch = stack.enter_context(database.temporary_database(server))
        catalog, _ = asyncio.run(migrate_and_read(read_database_url(scratch), migrations))
        return catalog


async def migrate_and_read(
    options: DatabaseOptions, migrations: MigrationOptions
) -> tuple[Catalog, list[str]]:
    async for _ in apply_pending(options, migrations):
        pass
    return await read_database(options)


def compare_catalogs(found: Catalog, wanted: Catalog) -> Findings:
    """Yield what differs. Of a table that only one side has, the parts are not named."""
    one_sided = set()
    for table, _, name in found.keys() ^ wanted.keys():
        if name == table:
            one_sided.add(table)
    for key in sorted(found | wanted):
        table, kind, name = key
        here = found.get(key)
        there = wanted.get(key)
        what = f"The {kind} {name}"
        if table in one_sided and name != table:
            continue
        shown = "" if name == table else f": {here or there}"
        if here is None:
            says = f"{what} is in the migrations, and not in the database{shown}."
            fix = "Create it there again; or drop it, `if exists`, in a new migration."
            yield Finding("schema-missing", says, fix)
        elif there is None:
            says = f"{what} is in the database, and in no migration{shown}."
            fix = "Drop it there, or create it, `if not exists`, in a new migration."
            yield Finding("schema-added", says, fix)
        elif here != there:
            says = f"{what} is {here} in the database, and {there} by the migrations."
            yield Finding("schema-changed", says, "Change it there, or in a new migration.")
        elif here.endswith(" NOT VALID"):
            says = f"{what} is not validated: older rows may violate it."
            yield Finding("schema-not-validated", says, "")
