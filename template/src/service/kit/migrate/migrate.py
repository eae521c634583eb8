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
from service.kit.migrate import runner, standalone
from service.kit.migrate.files import DRAFT, Migration, MigrationError, read_all

ADVISORY_LOCK = 0x6D696772617465
"""Any number that nothing else in the database uses: "migrate" in ASCII."""

TABLE = """
create table if not exists schema_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""


class MigrationOptions(BaseModel, frozen=True):
    """MIGRATIONS_*: where the files are, and how patiently they are applied."""

    folder: Annotated[Path, Field(description="the folder of the SQL files, from the working directory")] = Path(
        "migrations"
    )
    lock_timeout: Annotated[Seconds, Field(description="seconds to wait for a table's lock at each try")] = 1
    lock_tries: Annotated[int, Field(ge=1, le=1000, description="tries to get a table's lock")] = 20
    wait: Annotated[Seconds, Field(description="seconds to wait for another process that migrates")] = 300


async def list_applied(connection: asyncpg.Connection) -> dict[int, asyncpg.Record]:
    """Return what the database remembers of each applied file, by number: `name`, `checksum` and `applied_at`."""
    if not await connection.fetchval("select to_regclass('schema_migrations')"):
        return {}
    records = await connection.fetch("select number, name, checksum, applied_at from schema_migrations order by number")
    return {record["number"]: record for record in records}


async def match_files(connection: asyncpg.Connection, folder: Path) -> list[tuple[Migration, datetime | None]]:
    """Return every file with the time it was applied, the kit's first. Raises `MigrationError` for an edited one."""
    applied = await list_applied(connection)
    matched = []
    for migration in await asyncio.to_thread(read_all, folder):
        known = applied.get(migration.number)
        if known and known["checksum"] != migration.checksum:
            raise MigrationError(
                f"{migration.name} differs from what was applied on {known['applied_at']:%Y-%m-%d %H:%M} as "
                f"{known['name']}. Restore the file, and put the change into a new one."
            )
        matched.append((migration, known["applied_at"] if known else None))
    return matched


async def list_states(database: DatabaseOptions, options: MigrationOptions) -> list[tuple[Migration, datetime | None]]:
    """Return every file with the time it was applied, or None while it is pending."""
    async with connect(database, "service migrate") as connection:
        return await match_files(connection, options.folder)


async def find_pending(database: DatabaseOptions, options: MigrationOptions) -> str | None:
    """Return why the schema is not ready for this release, or None when it is."""
    pending = [migration for migration, applied_at in await list_states(database, options) if applied_at is None]
    return f"Migrations are pending, from {pending[0].name} on. Run `service migrate`." if pending else None


async def apply_pending(database: DatabaseOptions, options: MigrationOptions) -> AsyncIterator[tuple[Migration, float]]:
    """Apply every pending file, and yield each with the seconds it took."""
    async with connect(bypass_pooler(database), "service migrate") as connection:
        await wait_for_turn(connection, options)
        await connection.execute(TABLE)
        pending = [file for file, applied_at in await match_files(connection, options.folder) if applied_at is None]
        await check_files(connection, pending)
        for migration in pending:
            began = time.monotonic()
            await runner.apply(connection, migration, options.lock_timeout, options.lock_tries)
            yield migration, time.monotonic() - began


async def wait_for_turn(connection: asyncpg.Connection, options: MigrationOptions) -> None:
    """Take the advisory lock, which PostgreSQL frees when this connection ends, however it ends."""
    deadline = time.monotonic() + options.wait
    while not await connection.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK):
        if time.monotonic() > deadline:
            raise MigrationError(f"Another process has been migrating for {options.wait:g} s. Look what it waits for.")
        await asyncio.sleep(0.1)


async def check_files(connection: asyncpg.Connection, pending: list[Migration]) -> None:
    """Raise `MigrationError` for what is certain to fail, before anything is applied."""
    for migration in pending:
        if not migration.code and (DRAFT in migration.sql or migration.standalone):
            raise MigrationError(f"{migration.name} holds no statement yet. Write it, or delete the file.")
        if migration.standalone:
            await standalone.check(connection, migration)
