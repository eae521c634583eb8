# kit: updated by the template; extend it from app.py
"""Applies the pending files in order, each once, and in a transaction unless it says otherwise.

An advisory lock lets one process apply them while others wait, so every replica may run `service
migrate` at its start. A file gives up waiting for a table's lock after a moment, and tries again:
while it waits, all requests to that table queue behind it.

Outside a transaction, a statement can stop half-way. An index build that failed or was killed
leaves an invalid index, which slows every write and serves no read; it is dropped on failure, and
again before the next try.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg

from service.kit.db.sessions import DatabaseOptions, bypass_pooler, connect
from service.kit.migrate.files import (
    STANDALONE,
    Migration,
    MigrationError,
    MigrationOptions,
    compare_with_database,
)

ADVISORY_LOCK = 0x6D696772617465
"""A number that nothing else in the database uses: "migrate" in ASCII."""

TABLE = """
create table schema_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""

UNLIMITED = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""Behind a pooler, the role has the time limits of requests. An index may take an hour to build."""

IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
INDEX = re.compile(
    r"create\s+(?:unique\s+)?index\s+concurrently\s+(?P<repeatable>if\s+not\s+exists\s+)?"
    rf"(?:(?P<name>{IDENTIFIER})\s+)?on\s+(?:only\s+)?"
    rf"(?P<table>{IDENTIFIER}(?:\s*\.\s*{IDENTIFIER})?)",
    re.IGNORECASE,
)
CONCURRENTLY = re.compile(r"\bconcurrently\b", re.IGNORECASE)
DROP = re.compile(r"drop\s+index\s+concurrently\b(?!\s+if\s+exists\s)", re.IGNORECASE)

INVALID = """
select format('%I.%I', n.nspname, c.relname)
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
 where i.indrelid = to_regclass($1)
   and c.relname = (parse_ident($2))[1]::name
   and c.relkind = 'i'
   and not i.indisvalid
"""

# Partitioned indexes are left out, which are invalid until each partition has one, and builds under
# way. Of those by other roles, only the process is known, and the locks that it holds.
REPAIRS = r"""
select format(
           case when c.relname ~ '_cc(new|old)\d*$' then 'drop' else 'reindex' end
           || ' index concurrently %I.%I', n.nspname, c.relname
       )
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and c.relkind = 'i' and n.nspname !~ '^pg_temp'
   and not exists (
       select from pg_stat_progress_create_index join pg_locks using (pid)
        where datname = current_database() and relation = i.indrelid
   )
 order by 1
"""

EXECUTE_FILE = (
    "do /* {name} */ $$ begin execute current_setting('service.migration') || E'\\n;select'; end $$"
)
"""Runs a file inside `do`, where PostgreSQL refuses `commit`: a file cannot end our transaction.

The `select` after it allows a file to end with `select into`. The name is for pg_stat_activity,
which shows this text.
"""

INSERT_APPLIED = "insert into schema_migrations (number, name, checksum) values ($1, $2, $3)"

KIT_ADVICE = (
    "It creates a table of the kit, in the schema `kit`: rename what is in its way, or let this "
    "user create the schema (`grant create on database …`), or create it for that user (`create "
    "schema kit authorization …`)."
)
"""What to do when a file of the kit fails, since the team cannot correct it."""


async def apply_pending(
    database: DatabaseOptions, options: MigrationOptions
) -> AsyncIterator[tuple[Migration, float]]:
    """Apply every pending file, and yield each with the seconds it took."""
    async with connect(bypass_pooler(database), "service migrate", UNLIMITED) as connection:
        await wait_for_turn(connection, options)
        state = await compare_with_database(connection, options.folder)
        pending = [migration for migration, applied_at in state if applied_at is None]
        for migration in pending:
            if migration.is_standalone:
                check_repeatable(migration)
        if pending:
            await create_table(connection)
        for migration in pending:
            started_at = time.monotonic()
            await apply_with_retries(connection, migration, options)
            yield migration, time.monotonic() - started_at


async def create_table(connection: asyncpg.Connection) -> None:
    """Create the table of applied files if it is not there.

    `create table if not exists` would need the right to create it even then.
    """
    try:
        if not await connection.fetchval("select to_regclass('schema_migrations')"):
            await connection.execute(TABLE)
    except asyncpg.PostgresError as error:
        reason = f"The table schema_migrations cannot be created: {error}."
        advice = "Let this user create tables in the first schema of its search_path"
        raise MigrationError(f"{reason} {advice}: `grant create on schema …`.") from None


async def wait_for_turn(connection: asyncpg.Connection, options: MigrationOptions) -> None:
    """Take the advisory lock, which PostgreSQL frees when this connection ends, however it ends."""
    deadline = time.monotonic() + options.wait
    while not await connection.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK):
        if time.monotonic() > deadline:
            reason = f"Another process has been migrating for {options.wait:g} s"
            raise MigrationError(f"{reason}. See what it waits for.")
        await asyncio.sleep(0.1)


def check_repeatable(migration: Migration) -> None:
    """Raise `MigrationError` for a statement that would fail when a killed run is repeated."""
    index = INDEX.match(migration.code)
    repeatable = None
    if index and not (index["repeatable"] and index["name"]):
        name = index["name"] or "a_name"
        repeatable = f"create index concurrently if not exists {name} on {index['table']} …"
    elif DROP.match(migration.code):
        repeatable = "drop index concurrently if exists …"
    if repeatable:
        reason = "to let it run again after a run that was killed"
        raise MigrationError(f"{migration.name}: write `{repeatable}`, {reason}.")


async def apply_with_retries(
    connection: asyncpg.Connection, migration: Migration, options: MigrationOptions
) -> None:
    """Apply one file. If it does not get a lock, let the queued requests pass and try again."""
    timeout = options.lock_timeout
    tries = options.lock_tries
    if migration.is_standalone and "concurrently" in migration.code.lower():
        timeout *= tries  # no request queues behind it, and each try would start over
        tries = 1
    for attempt in range(1, tries + 1):
        try:
            return await apply_file(connection, migration, timeout)
        except asyncpg.PostgresError as error:
            left = await clean_up(connection, migration)
            if not isinstance(error, asyncpg.LockNotAvailableError):
                raise MigrationError(describe_failure(migration, error, left)) from error
            if attempt == tries:
                waits = f"{tries} tries of {timeout:g} s"
                raise MigrationError(
                    f"{migration.name}: transactions blocked it through {waits}. {left} "
                    "End the long ones, or try again when it is quieter."
                ) from None
            await asyncio.sleep(timeout)


async def apply_file(
    connection: asyncpg.Connection, migration: Migration, lock_timeout: float
) -> None:
    """Run one file and record it: both or neither, unless it runs outside a transaction."""
    await connection.execute(f"set lock_timeout = '{lock_timeout * 1000:.0f}ms'")
    if migration.is_standalone and not connection.is_in_transaction():
        await drop_invalid(connection, migration)
        await connection.fetch(migration.sql)  # unlike `execute`, it takes one statement only
        if connection.is_in_transaction():
            reason = f"{migration.name} begins a transaction, which was rolled back"
            raise MigrationError(f"{reason}. Remove `begin`.")
        await record_applied(connection, migration)
        return
    sql = migration.sql
    if migration.is_standalone:  # rebuild.py has a transaction for all files
        sql = CONCURRENTLY.sub("", sql)
    async with connection.transaction():
        await connection.execute("select set_config('service.migration', $1, true)", sql)
        await connection.execute(EXECUTE_FILE.format(name=migration.name))
        await record_applied(connection, migration)


async def record_applied(connection: asyncpg.Connection, migration: Migration) -> None:
    """Remember a file, and forget its settings, such as a `search_path` without that table."""
    await connection.execute("reset all; reset role")
    await connection.execute(INSERT_APPLIED, migration.number, migration.name, migration.checksum)


async def drop_invalid(connection: asyncpg.Connection, migration: Migration) -> str | None:
    """Drop the index of a file if an earlier build left it invalid, and return its name."""
    index = INDEX.match(migration.code)
    if index is None:
        return None
    invalid: str | None = await connection.fetchval(INVALID, index["table"], index["name"])
    if invalid:
        await connection.execute(f"drop index concurrently if exists {invalid}")
    return invalid


async def find_repairs(connection: asyncpg.Connection) -> list[str]:
    """Return a statement for each index that is invalid: writes pay for it, and no read uses it."""
    return [statement for (statement,) in await connection.fetch(REPAIRS)]


async def clean_up(connection: asyncpg.Connection, migration: Migration) -> str:
    """Drop what a failed build left, and return a sentence about what is left."""
    if not migration.is_standalone:
        return "Nothing of this file was applied."
    left = "It ran outside a transaction: check whether a part of it was applied."
    index = INDEX.match(migration.code)
    if index:
        left = f"The invalid index {index['name']} may be left; the next run drops and rebuilds it."
    # The same lock may block it, or the connection is lost.
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
        dropped = await drop_invalid(connection, migration)
        if dropped:
            return f"The unfinished index {dropped} was dropped."
        if index:
            return "Nothing of it is left."
        if repairs := await find_repairs(connection):
            return f"{left} An invalid index is left: `{'; '.join(repairs)}`."
    return left


def find_position(migration: Migration, details: dict[str, str]) -> int | None:
    """Return where PostgreSQL saw an error in a file, in characters from 1."""
    position = None
    if (details.get("internal_query") or "").startswith(migration.sql):
        position = details.get("internal_position")
    elif migration.is_standalone:
        position = details.get("position")
    return int(position) if position else None


def describe_failure(migration: Migration, error: asyncpg.PostgresError, left: str) -> str:
    """Return what failed, in which line of the file, and what to do."""
    details = error.as_dict()
    position = find_position(migration, details)
    location = migration.name
    if position:
        line = migration.sql[: position - 1].count("\n") + 1
        location = f"{migration.name}, line {line}"
    is_syntax_error = isinstance(error, asyncpg.PostgresSyntaxError)
    reasons = [f"{location}: {details.get('message') or error}."]
    if isinstance(error, asyncpg.ActiveSQLTransactionError):
        reasons.append(f"Put it alone into a file whose first line is exactly `{STANDALONE}`.")
    elif details.get("server_source_function") == "exec_stmt_dynexecute":
        advice = "remove begin, commit, rollback, savepoint and `copy` to the client"
        reasons.append(f"A file is one transaction: {advice}.")
    elif migration.is_standalone and is_syntax_error and not position:
        advice = "put each into a file of its own"
        reasons.append(f"Outside a transaction a file holds one statement: {advice}.")
    advice = KIT_ADVICE if migration.is_of_kit else "Correct it and run it again."
    return " ".join([*reasons, left, advice])
