# kit: updated by the template; extend it from app.py
"""Applying the files that are pending, each once, in order, in a transaction of its own unless it
says not.

An advisory lock lets one process apply them while others wait, so every replica may run `service
migrate` at its start. A table's lock that is not to be had is given up and tried again: while a
file waits for it, all requests wait behind.

Outside a transaction, a statement can stop half-way. A failed or killed build leaves an invalid
index, which costs every write and serves no read; it is dropped on failure, and again before the
next try.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import asyncpg

from service.kit.db.sessions import DatabaseOptions, bypass_pooler, connect
from service.kit.migrate.files import (
    STANDALONE,
    Migration,
    MigrationError,
    MigrationOptions,
    compare,
)

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
"""Behind a pooler the role itself has time limits, which are for requests: an index may take an
hour to build."""

DROP_EVERYTHING = """
do $$ declare name text; begin
  for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
    execute format('drop schema %I cascade', name);
  end loop;
  create schema public;
end $$
"""

IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
INDEX = re.compile(
    r"create\s+(?:unique\s+)?index\s+concurrently\s+(?P<repeatable>if\s+not\s+exists\s+)?"
    rf"(?:(?P<name>{IDENTIFIER})\s+)?on\s+(?:only\s+)?(?P<table>{IDENTIFIER}(?:\s*\.\s*{IDENTIFIER})?)",
    re.IGNORECASE,
)
DROP = re.compile(r"drop\s+index\s+concurrently\b(?!\s+if\s+exists\s)", re.IGNORECASE)

INVALID = """
select format('%I.%I', n.nspname, c.relname)
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
 where i.indrelid = to_regclass($1) and c.relname = (parse_ident($2))[1]::name and c.relkind = 'i' and not i.indisvalid
"""

RUN = (
    "do /* {name} */ $$ begin execute current_setting('service.migration') || E'\\n;select'; end $$"
)
"""Runs the statements of a file where PostgreSQL refuses `commit` and the like: a file cannot end
our transaction.

The `select` after them lets the last be `select into`, which may not end what is executed. The name
is for the list of sessions, which shows this text.
"""

RECORD = "insert into schema_migrations (number, name, checksum) values ($1, $2, $3)"

KITS = (
    "It makes a table of the kit, in the schema `kit`: move away what is in its way, or let this user make "
    "the schema (`grant create on database …`), or make it for that user (`create schema kit authorization …`)."
)
"""What to do when a file fails that nobody here can correct."""


async def apply_pending(
    database: DatabaseOptions, options: MigrationOptions
) -> AsyncIterator[tuple[Migration, float]]:
    """Apply every pending file, and yield each with the seconds it took."""
    async with connect(bypass_pooler(database), "service migrate", UNLIMITED) as connection:
        await wait_for_turn(connection, options)
        pending = [
            file
            for file, applied_at in await compare(connection, options.folder)
            if applied_at is None
        ]
        for migration in pending:
            if migration.standalone:
                check_standalone(migration)
        if pending:
            await create_table(connection)
        for migration in pending:
            began = time.monotonic()
            await apply(connection, migration, options)
            yield migration, time.monotonic() - began


async def create_table(connection: asyncpg.Connection) -> None:
    """Create the table of applied files, if need be. `if not exists` would ask for the right to
    create it anyway.
    """
    try:
        if not await connection.fetchval("select to_regclass('schema_migrations')"):
            await connection.execute(TABLE)
    except asyncpg.PostgresError as error:
        advice = "Let this user create tables in the first schema of its search_path: `grant create on schema …`."
        raise MigrationError(
            f"The table schema_migrations cannot be created: {error}. {advice}"
        ) from None


async def wait_for_turn(connection: asyncpg.Connection, options: MigrationOptions) -> None:
    """Take the advisory lock, which PostgreSQL frees when this connection ends, however it ends."""
    deadline = time.monotonic() + options.wait
    while not await connection.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK):
        if time.monotonic() > deadline:
            raise MigrationError(
                f"Another process has been migrating for {options.wait:g} s. See what it waits for."
            )
        await asyncio.sleep(0.1)


def check_standalone(migration: Migration) -> None:
    """Raise `MigrationError` for a statement that a second run would stumble over."""
    index, form = INDEX.match(migration.code), None
    if index and not (index["repeatable"] and index["name"]):
        form = f"create index concurrently if not exists {index['name'] or 'a_name'} on {index['table']} …"
    elif DROP.match(migration.code):
        form = "drop index concurrently if exists …"
    if form:
        raise MigrationError(
            f"{migration.name}: write `{form}`, to let it run again after a run that was killed."
        )


async def apply(
    connection: asyncpg.Connection, migration: Migration, options: MigrationOptions
) -> None:
    """Apply one file. When a lock is not to be had, let the queued requests pass, and try again."""
    timeout, tries = options.lock_timeout, options.lock_tries
    if migration.standalone and "concurrently" in migration.code.lower():
        timeout, tries = (
            timeout * tries,
            1,
        )  # nobody queues behind it, and each try would start over
    for attempt in range(1, tries + 1):
        try:
            return await run(connection, migration, timeout)
        except asyncpg.PostgresError as error:
            left = await clean_up(connection, migration)
            if not isinstance(error, asyncpg.LockNotAvailableError):
                raise MigrationError(explain(migration, error, left)) from error
            if attempt == tries:
                raise MigrationError(
                    f"{migration.name}: transactions were in its way through {tries} tries of {timeout:g} s. {left} "
                    "End the long ones, or try again when it is quieter."
                ) from None
            await asyncio.sleep(timeout)


async def run(connection: asyncpg.Connection, migration: Migration, lock_timeout: float) -> None:
    """Run one file and record it: both or neither, unless it asks to run outside a transaction."""
    record = (RECORD, migration.number, migration.name, migration.checksum)
    await connection.execute(f"set lock_timeout = '{lock_timeout * 1000:.0f}ms'")
    if migration.standalone:
        await drop_invalid(connection, migration)
        await connection.fetch(migration.sql)  # unlike `execute`, it takes one statement only
        if connection.is_in_transaction():
            raise MigrationError(
                f"{migration.name} begins a transaction, which was rolled back. Take `begin` out."
            )
        await connection.execute(*record)
        return
    async with connection.transaction():
        await connection.execute("select set_config('service.migration', $1, true)", migration.sql)
        await connection.execute(RUN.format(name=migration.name))
        await connection.execute(*record)


async def drop_invalid(connection: asyncpg.Connection, migration: Migration) -> str | None:
    """Drop the index that a file builds if an earlier build did not come to an end, and return its
    name.
    """
    index = INDEX.match(migration.code)
    left = await connection.fetchval(INVALID, index["table"], index["name"]) if index else None
    if left:
        await connection.execute(f"drop index concurrently if exists {left}")
    return left


async def clean_up(connection: asyncpg.Connection, migration: Migration) -> str:
    """Drop what a failed build left, and return what is to be said about it."""
    if not migration.standalone:
        return "Nothing of this file was applied."
    if not (index := INDEX.match(migration.code)):
        return "It ran outside a transaction: look whether a part of it was done."
    try:
        dropped = await drop_invalid(connection, migration)
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ):  # the same lock is in the way, or the connection is gone
        return f"The invalid index {index['name']} may be left; the next run drops it and builds it anew."
    return f"The unfinished index {dropped} was dropped." if dropped else "Nothing of it is left."


def explain(migration: Migration, error: asyncpg.PostgresError, left: str) -> str:
    """Return what failed, with the line of the file where PostgreSQL saw it, and what to do."""
    details = error.as_dict()
    within = (details.get("internal_query") or "").startswith(migration.sql)
    position = (
        details.get("internal_position")
        if within
        else details.get("position")
        if migration.standalone
        else None
    )
    line = f", line {migration.sql[: int(position) - 1].count('\n') + 1}" if position else ""
    reasons = [f"{migration.name}{line}: {details.get('message') or error}."]
    if isinstance(error, asyncpg.ActiveSQLTransactionError):
        reasons.append(f"Put it alone into a file whose first line is exactly `{STANDALONE}`.")
    elif details.get("server_source_function") == "exec_stmt_dynexecute":
        ends = "take out begin, commit, rollback, savepoint and `copy` to here"
        reasons.append(f"A file is one transaction as a whole: {ends}.")
    elif migration.standalone and isinstance(error, asyncpg.PostgresSyntaxError) and not position:
        reasons.append(
            "Outside a transaction a file holds one statement: put each into a file of its own."
        )
    return " ".join([*reasons, left, KITS if migration.is_kits else "Correct it and run it again."])


async def drop_everything(database: DatabaseOptions, options: MigrationOptions) -> None:
    """Drop every schema with all that is in it, and create an empty `public`. Raises
    `MigrationError`.
    """
    async with connect(bypass_pooler(database), "service migrate") as connection:
        await wait_for_turn(connection, options)
        try:
            await connection.execute(DROP_EVERYTHING)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"The database cannot be emptied: {error}.") from None
