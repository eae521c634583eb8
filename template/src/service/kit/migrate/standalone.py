# kit: updated by the template; extend it from app.py
"""Migrations outside a transaction: one statement each, above all indexes that are built beside the traffic.

Such a statement can stop half-way. A failed or killed build leaves an invalid index, which costs every write and serves
no read; it is dropped on failure, and again before the next try.
"""

import re
from contextlib import suppress

import asyncpg

from service.kit.migrate.files import Migration, MigrationError

IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
INDEX = re.compile(
    r"create\s+(?:unique\s+)?index\s+concurrently\s+(?P<repeatable>if\s+not\s+exists\s+)?"
    rf"(?:(?P<name>{IDENTIFIER})\s+)?on\s+(?:only\s+)?(?P<table>{IDENTIFIER}(?:\s*\.\s*{IDENTIFIER})?)",
    re.IGNORECASE,
)
DROP = re.compile(r"drop\s+index\s+concurrently\b(?!\s+if\s+exists\s)", re.IGNORECASE)
CONCURRENT = re.compile(r"\bconcurrently\b", re.IGNORECASE)

INVALID = """
select format('%I.%I', n.nspname, c.relname)
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
 where i.indrelid = to_regclass($1) and c.relname = (parse_ident($2))[1]::name and c.relkind = 'i' and not i.indisvalid
"""


async def check(connection: asyncpg.Connection, migration: Migration) -> None:
    """Raise `MigrationError` unless the file is one statement that can be repeated. Nothing is run."""
    if form := find_repeatable_form(migration.code):
        raise MigrationError(f"{migration.name}: write `{form}`, to let it run again after a run that was killed.")
    with suppress(asyncpg.PostgresError):  # what it needs may come with an earlier file, and running it will tell
        try:
            await connection.prepare(migration.sql)
        except asyncpg.PostgresSyntaxError as error:
            if not error.as_dict().get("position"):  # PostgreSQL parsed it, but prepares one statement at a time
                raise MigrationError(
                    f"{migration.name} holds several statements. Outside a transaction each file holds one: if a later "
                    "one fails, the earlier ones stay. Put each into a file of its own. Nothing was applied."
                ) from None


def find_repeatable_form(code: str) -> str | None:
    """Return how to write a statement that a second run would stumble over, or None when it would not."""
    if DROP.match(code):
        return "drop index concurrently if exists …"
    index = INDEX.match(code)
    if index and not (index["repeatable"] and index["name"]):
        return f"create index concurrently if not exists {index['name'] or 'a_name'} on {index['table']} …"
    return None


async def apply(connection: asyncpg.Connection, migration: Migration, lock_timeout: float) -> None:
    """Run one file. An error carries a note about what the file left behind."""
    index = INDEX.match(migration.code)
    await connection.execute(f"set lock_timeout = '{lock_timeout * 1000:.0f}ms'")
    try:
        await drop_invalid(connection, index)
        await connection.execute(migration.sql)
    except asyncpg.PostgresError as error:
        error.add_note(await clean_up(connection, index))
        raise
    if connection.is_in_transaction():
        raise MigrationError(f"{migration.name} begins a transaction, which was rolled back. Take `begin` out.")


async def clean_up(connection: asyncpg.Connection, index: re.Match[str] | None) -> str:
    """Drop what a failed build left, and return what is to be said about it."""
    if not index:
        return "It ran outside a transaction: look whether a part of it was done."
    try:
        dropped = await drop_invalid(connection, index)
    except (asyncpg.PostgresError, asyncpg.InterfaceError):  # the same lock is in the way, or the connection is gone
        return f"The invalid index {index['name']} may be left; the next run drops it and builds it anew."
    return f"The unfinished index {dropped} was dropped." if dropped else "Nothing of it is left."


async def drop_invalid(connection: asyncpg.Connection, index: re.Match[str] | None) -> str | None:
    """Drop the index of a file if its build did not come to an end, and return its name."""
    left = await connection.fetchval(INVALID, index["table"], index["name"]) if index else None
    if left:
        await connection.execute(f"drop index concurrently if exists {left}")
    return left
