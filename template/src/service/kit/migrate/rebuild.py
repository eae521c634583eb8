# kit: updated by the template; extend it from app.py
"""Rebuilds a database for development by its migrations, and keeps the rows that still fit.

All of it is one transaction: if a file fails, the database stays as it was.
"""

import asyncpg

from service.kit.db.sessions import DatabaseOptions, bypass_pooler, connect
from service.kit.migrate.apply import TABLE, UNLIMITED, apply_file, describe_failure, wait_for_turn
from service.kit.migrate.files import MigrationError, MigrationOptions, read_all_files

LOCK_TIMEOUT = 20.0
"""Seconds: a transaction that somebody left open must not stop it for good."""

SESSION = {**UNLIMITED, "lock_timeout": f"{LOCK_TIMEOUT}s"}

KEEP_ROWS = """
create temporary table kept_row (relation text, data jsonb);
do $$ declare name text; begin
  for name in
    select format('%I.%I', n.nspname, c.relname)
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition
       and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and c.relname <> 'schema_migrations'
       and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
  loop
    execute format('insert into kept_row select %L, to_jsonb(kept) from %s as kept', name, name);
  end loop;
end $$;
"""

DROP_EVERYTHING = """
do $$ declare name text; begin
  for name in
    select nspname
      from pg_namespace
     where nspname !~ '^pg_' and nspname <> 'information_schema'
  loop
    execute format('drop schema %I cascade', name);
  end loop;
  create schema public;
end $$;
"""

RESTORE_ROWS = """
do $$ declare
  name text; column_name text; names text; kept_values text; progress boolean := true;
begin
  set constraints all immediate;
  while progress loop
    progress := false;
    for name in select distinct relation from kept_row order by 1 loop
      continue when to_regclass(name) is null;
      select string_agg(quote_ident(attname), ', '),
             string_agg('kept.' || quote_ident(attname), ', ')
        into names, kept_values
        from pg_attribute
       where attrelid = to_regclass(name) and attnum > 0 and not attisdropped and attgenerated = ''
         and (select data from kept_row where relation = name limit 1) ? attname::text;
      begin
        execute format('alter table %s disable trigger user', name);
        execute format(
          'insert into %1$s (%2$s) overriding system value select %3$s
             from kept_row, jsonb_populate_record(null::%1$s, kept_row.data) as kept
            where kept_row.relation = %1$L
              and not exists (select from %1$s made where to_jsonb(made) = to_jsonb(kept))
               on conflict do nothing', name, names, kept_values);
        execute format('alter table %s enable trigger user', name);
        delete from kept_row where relation = name;
        progress := true;
      exception when others then
        null;  -- it may refer to a table that comes later
      end;
    end loop;
  end loop;
  for name, column_name in
    select format('%I.%I', n.nspname, c.relname), a.attname
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) is not null
  loop
    execute format(
      'select setval(%L, coalesce((select max(%I) from %s), 0) + 1, false)',
      pg_get_serial_sequence(name, column_name), column_name, name);
  end loop;
end $$
"""
"""Inserts the kept rows, table by table, until no more of them fit, unless a migration has inserted
them already. Those that do not fit stay in the table of kept rows."""

COUNT_LOST = "select relation, count(*) from kept_row group by 1 order by 1"


async def rebuild_database(
    database: DatabaseOptions, options: MigrationOptions
) -> list[asyncpg.Record]:
    """Drop all schemas and apply all files. Return tables, and how many rows of each were lost.

    Raises `MigrationError`, and then changes nothing.
    """
    session = connect(bypass_pooler(database), "service migrate", SESSION)
    async with session as connection, connection.transaction():
        await wait_for_turn(connection, options)
        try:
            await connection.execute(KEEP_ROWS + DROP_EVERYTHING + TABLE)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"The database cannot be emptied: {error}.") from None
        for migration in read_all_files(options.folder):
            try:
                await apply_file(connection, migration, LOCK_TIMEOUT)
            except asyncpg.PostgresError as error:
                problem = describe_failure(migration, error, "The database is as it was.")
                raise MigrationError(problem) from error
        await connection.execute(RESTORE_ROWS)
        lost: list[asyncpg.Record] = await connection.fetch(COUNT_LOST)
        return lost
