# kit: updated by the template; extend it from app.py
"""Migrations: numbered files of plain SQL, each applied once, in order, in a transaction of its own unless it says not.

An advisory lock lets one process apply them while others wait, so every replica may run `service migrate` at its start.
A table's lock that is not to be had is given up and tried again: while a file waits for it, all requests wait behind.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import asyncpg
from pydantic import BaseModel, Field

from service.kit.db import DatabaseOptions, bypass_pooler, connect
from service.kit.edge import Seconds
from service.kit.migrate.apply import apply, check_standalone
from service.kit.migrate.files import Migration, MigrationError, read_all

ADVISORY_LOCK = 0x6D696772617465
"""Any number that nothing else in the database uses: "migrate" in ASCII."""

TABLE = """
create table schema_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""

UNLIMITED = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""Behind a pooler the role itself has time limits, which are for requests: an index may take an hour to build."""

DROP_EVERYTHING = """
do $$ declare name text; begin
  for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
    execute format('drop schema %I cascade', name);
  end loop;
  create schema public;
end $$
"""


class MigrationOptions(BaseModel, frozen=True):
    """MIGRATIONS_*: where the files are, and how patiently they are applied."""

    folder: Annotated[Path, Field(description="folder of the SQL files, relative to the working directory")] = Path(
        "migrations"
    )
    lock_timeout: Annotated[Seconds, Field(description="seconds to wait for a table lock at each try")] = 1
    lock_tries: Annotated[int, Field(ge=1, le=1000, description="tries to get a table lock")] = 20
    wait: Annotated[Seconds, Field(description="seconds to wait for another process that migrates")] = 300


type State = list[tuple[Migration, datetime | None]]
"""Migrations in order, each with the time it was applied or None."""


async def compare(connection: asyncpg.Connection, folder: Path) -> State:
    """Return the state of the kit's files, those of the folder, and those that only a newer release has.

    Raises `MigrationError`, by name, for a file that contradicts the database.
    """
    migrations = await asyncio.to_thread(read_all, folder)
    applied = await read_applied(connection)
    latest, last = max(applied, default=0), max((migration.number for migration in migrations), default=0)
    state: State = []
    for migration in migrations:
        row = applied.pop(migration.number, None)
        if complaint := complain(migration, row, latest):
            raise MigrationError(complaint)
        state.append((migration, row["applied_at"] if row else None))
    for number, row in applied.items():
        if 0 < number < last:
            raise MigrationError(f"{tell(row)} is not in {folder} any more. Restore it.")
        if number > last:
            state.append((Migration(number, row["name"], "", missing=True), row["applied_at"]))
    return state


def complain(migration: Migration, row: asyncpg.Record | None, latest: int) -> str | None:
    """Return what is wrong with a file, applied or pending, when `latest` is the newest that is applied."""
    if row and row["name"] != migration.name:
        return f"{tell(row)} is now called {migration.name}. Rename it back."
    if row and row["checksum"] != migration.checksum:
        return (
            f"{tell(row)} has been edited since. Restore it, and put the change into a new file; "
            "in development, `service migrate redo` rebuilds the database instead."
        )
    if not row and 0 < migration.number < latest:
        return f"{migration.name} is new, but number {latest:04} is applied already. Renumber the file."
    if not row and not migration.code:
        return f"{migration.name} holds no statement yet. Write it, or delete the file."
    return None


def tell(row: asyncpg.Record) -> str:
    return f"{row['name']}, applied on {row['applied_at']:%Y-%m-%d %H:%M},"


async def read_applied(connection: asyncpg.Connection) -> dict[int, asyncpg.Record]:
    """Return what the database remembers of each applied file, by number."""
    try:
        rows = await connection.fetch("select number, name, checksum, applied_at from schema_migrations order by 1")
    except asyncpg.UndefinedTableError:
        return {}
    except asyncpg.PostgresError as error:
        raise MigrationError(f"The table schema_migrations cannot be read: {error}.") from None
    return {row["number"]: row for row in rows}


async def read_state(database: DatabaseOptions, options: MigrationOptions) -> State:
    """Return which migrations are applied. Raises `MigrationError`."""
    async with connect(database, "service migrate") as connection:
        return await compare(connection, options.folder)


async def find_pending(database: DatabaseOptions, options: MigrationOptions) -> str | None:
    """Return why the schema is not ready for this release, or None when it is."""
    pending = [migration for migration, applied_at in await read_state(database, options) if applied_at is None]
    return f"Migrations are pending, from {pending[0].name} on. Run `service migrate`." if pending else None


async def apply_pending(database: DatabaseOptions, options: MigrationOptions) -> AsyncIterator[tuple[Migration, float]]:
    """Apply every pending file, and yield each with the seconds it took."""
    async with connect(bypass_pooler(database), "service migrate", UNLIMITED) as connection:
        await wait_for_turn(connection, options)
        pending = [file for file, applied_at in await compare(connection, options.folder) if applied_at is None]
        for migration in pending:
            if migration.standalone:
                check_standalone(migration)
        if pending:
            await create_table(connection)
        for migration in pending:
            began = time.monotonic()
            await apply(connection, migration, options.lock_timeout, options.lock_tries)
            yield migration, time.monotonic() - began


async def create_table(connection: asyncpg.Connection) -> None:
    """Create the table of applied files, if need be. `if not exists` would ask for the right to create it anyway."""
    try:
        if not await connection.fetchval("select to_regclass('schema_migrations')"):
            await connection.execute(TABLE)
    except asyncpg.PostgresError as error:
        advice = "Let this user create tables in the first schema of its search_path: `grant create on schema …`."
        raise MigrationError(f"The table schema_migrations cannot be created: {error}. {advice}") from None


async def wait_for_turn(connection: asyncpg.Connection, options: MigrationOptions) -> None:
    """Take the advisory lock, which PostgreSQL frees when this connection ends, however it ends."""
    deadline = time.monotonic() + options.wait
    while not await connection.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK):
        if time.monotonic() > deadline:
            raise MigrationError(f"Another process has been migrating for {options.wait:g} s. See what it waits for.")
        await asyncio.sleep(0.1)


async def drop_everything(database: DatabaseOptions, options: MigrationOptions) -> None:
    """Drop every schema with all that is in it, and create an empty `public`. Raises `MigrationError`."""
    async with connect(bypass_pooler(database), "service migrate") as connection:
        await wait_for_turn(connection, options)
        try:
            await connection.execute(DROP_EVERYTHING)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"The database cannot be emptied: {error}.") from None
