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
        timeout, tries = lock_timeout * lock_tries, 1  # nobody queues behind it, and each try would begin anew
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
            raise MigrationError(describe(migration, error)) from error


async def apply_once(connection: asyncpg.Connection, migration: Migration, lock_timeout: float) -> None:
    """Apply one file and remember it: both or neither, unless it asks to be run outside a transaction."""
    if migration.standalone:
        await standalone.apply(connection, migration, lock_timeout)
        return await remember(connection, migration)
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{lock_timeout * 1000:.0f}ms'")
        await connection.execute("select set_config('service.migration', $1, true)", migration.sql)
        await connection.execute(RUN.format(name=migration.name))
        await remember(connection, migration)


async def remember(connection: asyncpg.Connection, migration: Migration) -> None:
    """Record that a file was applied."""
    await connection.execute(
        "insert into schema_migrations (number, name, checksum) values ($1, $2, $3)",
        migration.number,
        migration.name,
        migration.checksum,
    )


def describe(migration: Migration, error: asyncpg.PostgresError) -> str:
    """Return what failed, with the line of the file where PostgreSQL saw it, and what to do."""
    rest = tell_rest(error) or "Nothing of this file was applied."
    reasons = [f"{locate(migration, error)}: {error.as_dict().get('message') or error}.", *advise(error), rest]
    return " ".join([*reasons, KITS if migration.is_kits else "Correct it and run it again."])


def locate(migration: Migration, error: asyncpg.PostgresError) -> str:
    """Return the file, and its line where that is known."""
    details = error.as_dict()
    within = (details.get("internal_query") or "").startswith(migration.sql)
    position = details.get("internal_position") if within else details.get("position") if migration.standalone else None
    if not position:
        return migration.name
    return f"{migration.name}, line {migration.sql[: int(position) - 1].count('\n') + 1}"


def advise(error: asyncpg.PostgresError) -> list[str]:
    """Return what to write instead, for the errors that come from how files are run."""
    if isinstance(error, asyncpg.ActiveSQLTransactionError):
        return [f"Put it alone into a file whose first line is exactly `{STANDALONE}`."]
    if error.as_dict().get("server_source_function") == "exec_stmt_dynexecute":
        return ["A file is one transaction as a whole: take out begin, commit, rollback, savepoint and `copy` to here."]
    return []


def tell_rest(error: asyncpg.PostgresError) -> str:
    """Return what a failed file left behind, when it noted that."""
    return " ".join(getattr(error, "__notes__", []))
