# kit: updated by the template; extend it from app.py
"""The run of one migration: its transaction, its patience with locks, and what is said when it fails."""

import asyncio

import asyncpg

from service.kit.migrate import standalone
from service.kit.migrate.files import STANDALONE, Migration, MigrationError

RUN = "do /* {name} */ $$ begin execute current_setting('service.migration') || E'\\n;select'; end $$"
"""Runs the statements of a file where PostgreSQL refuses `commit` and the like: a file cannot end our transaction.

The `select` after them lets the last be `select into`, which may not end what is executed. The name is for the list of
sessions, which shows this text.
"""

KITS = (
    "It makes a table of the kit, in the schema `kit`: move away what is in its way, or let this user make "
    "the schema (`grant create on database …`), or make it for that user (`create schema kit authorization …`)."
)
"""What to do when a file fails that nobody here can correct."""


async def apply(connection: asyncpg.Connection, migration: Migration, lock_timeout: float, lock_tries: int) -> None:
    """Apply one file. When a lock is not to be had, let the queued requests pass, and try again."""
    timeout, tries = lock_timeout, lock_tries
    if migration.standalone and standalone.CONCURRENT.search(migration.code):
        timeout, tries = lock_timeout * lock_tries, 1  # nobody queues behind it, and each try would start over
    for attempt in range(1, tries + 1):
        try:
            return await apply_once(connection, migration, timeout)
        except asyncpg.LockNotAvailableError as error:
            if attempt == tries:
                raise MigrationError(
                    f"{migration.name}: transactions were in its way through {tries} tries of {timeout:g} s. "
                    f"{tell_rest(error) or 'Nothing was changed.'} End the long ones, or try again when it is quieter."
                ) from None
            await asyncio.sleep(timeout)
        except asyncpg.PostgresError as error:
            raise MigrationError(explain(migration, error)) from error


async def apply_once(connection: asyncpg.Connection, migration: Migration, lock_timeout: float) -> None:
    """Apply one file and record it: both or neither, unless it asks to run outside a transaction."""
    if migration.standalone:
        await standalone.apply(connection, migration, lock_timeout)
        return await record(connection, migration)
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{lock_timeout * 1000:.0f}ms'")
        await connection.execute("select set_config('service.migration', $1, true)", migration.sql)
        await connection.execute(RUN.format(name=migration.name))
        await record(connection, migration)


async def record(connection: asyncpg.Connection, migration: Migration) -> None:
    insert = "insert into schema_migrations (number, name, checksum) values ($1, $2, $3)"
    await connection.execute(insert, migration.number, migration.name, migration.checksum)


def explain(migration: Migration, error: asyncpg.PostgresError) -> str:
    """Return what failed, with the line of the file where PostgreSQL saw it, and what to do."""
    details = error.as_dict()
    reasons = [f"{locate(migration, details)}: {details.get('message') or error}."]
    if isinstance(error, asyncpg.ActiveSQLTransactionError):
        reasons.append(f"Put it alone into a file whose first line is exactly `{STANDALONE}`.")
    elif details.get("server_source_function") == "exec_stmt_dynexecute":
        ends = "take out begin, commit, rollback, savepoint and `copy` to here"
        reasons.append(f"A file is one transaction as a whole: {ends}.")
    reasons.append(tell_rest(error) or "Nothing of this file was applied.")
    return " ".join([*reasons, KITS if migration.is_kits else "Correct it and run it again."])


def locate(migration: Migration, details: dict[str, str]) -> str:
    """Return the file, and the line if it is known."""
    within = (details.get("internal_query") or "").startswith(migration.sql)
    position = details.get("internal_position") if within else details.get("position") if migration.standalone else None
    if not position:
        return migration.name
    return f"{migration.name}, line {migration.sql[: int(position) - 1].count('\n') + 1}"


def tell_rest(error: asyncpg.PostgresError) -> str:
    """Return what a failed file left behind, if that was noted."""
    return " ".join(getattr(error, "__notes__", []))
