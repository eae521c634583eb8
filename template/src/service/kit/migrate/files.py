# kit: updated by the template; extend it from app.py
"""Reads the files of migrations/ in order, and finds which of them a database has."""

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import asyncpg
from pydantic import BaseModel, Field

from service.kit.db.sessions import DatabaseOptions, connect
from service.kit.work.command_error import CommandError
from service.kit.work.options import Seconds

FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)

STANDALONE = "-- migrate: without a transaction"
"""The first line of a file that PostgreSQL cannot run, or should not run, in a transaction."""

DRAFT = f"""\
-- {{name}}: what changes, and why.
--
-- The file is applied once, in a transaction: all of it, or nothing. Afterwards it is never edited.
-- An index on a table with rows is built during traffic, by one statement in a file of its own:
--   {STANDALONE}    <- as the first line
--   create index concurrently if not exists orders_note_idx on orders (note);
-- `uv run pytest tests/kit/test_migration_lint.py` says what would stop traffic, and what to write.
-- Until there is a statement below, `service migrate` refuses this file.

"""

KIT = Path(__file__).parent / "tables"
"""The files of the kit's own tables. They come with updates, and are never edited."""


class MigrationOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """MIGRATIONS_*: where the files are, and how long their locks may take."""

    folder: Path = Path("migrations")
    """folder of the SQL files, relative to the working directory"""
    lock_timeout: Seconds = 1
    """seconds to wait for a table lock at each try"""
    lock_tries: Annotated[int, Field(ge=1, le=1000)] = 20
    """tries to get a table lock"""
    wait: Seconds = 300
    """seconds to wait for another process that migrates"""


class MigrationError(CommandError):
    """The schema cannot be updated. The message says why, what to do, and what is left behind."""


class NewestEditedError(MigrationError):
    """The newest file was edited or renamed after it was applied, as while it is being written."""


@dataclass(frozen=True)
class Migration:
    """One file. It is `missing` if a newer release applied it, and this one does not have it."""

    number: int
    name: str
    sql: str
    missing: bool = False

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, which does not depend on the line endings of the checkout."""
        return sha256(self.sql.encode()).hexdigest()

    @property
    def is_of_kit(self) -> bool:
        return self.number < 0

    @property
    def is_standalone(self) -> bool:
        """Whether it runs outside a transaction."""
        return self.sql.partition("\n")[0] == STANDALONE

    @property
    def code(self) -> str:
        """The file without its comments."""
        return COMMENT.sub(" ", self.sql).strip()


type State = list[tuple[Migration, datetime | None]]
"""Migrations in order, each with the time it was applied or None."""


def read_migration_files(folder: Path) -> list[Migration]:
    """Return the migrations of a folder in order. Raises `MigrationError` for a wrong file."""
    if not folder.is_dir():
        advice = "start in the project's folder, or set MIGRATIONS_FOLDER"
        raise MigrationError(f"{folder.absolute()} is not a folder; {advice}")
    migrations: dict[int, Migration] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".sql":
            continue
        matched = FILE_NAME.fullmatch(path.name)
        if matched is None:
            raise MigrationError(f"{path}: name it like 0002_add_customers.sql, in lower case")
        number = int(matched[1])
        if number in migrations:
            other = migrations[number].name
            raise MigrationError(f"{path.name} and {other} share a number; renumber the newer")
        migrations[number] = Migration(number, path.name, read_sql(path))
    return list(migrations.values())


def read_sql(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"{path.name} is not UTF-8, as byte {error.start} shows"
        raise MigrationError(f"{reason}. Save it as UTF-8.") from None


def read_all_files(folder: Path) -> list[Migration]:
    """Return the kit's own migrations, and then those of a folder. Raises `MigrationError`.

    The kit counts down from -1, so that its files and the team's share one table without colliding.
    """
    ours = [
        replace(file, number=-file.number, name=f"kit/{file.name}")
        for file in read_migration_files(KIT)
    ]
    return [*ours, *read_migration_files(folder)]


async def compare_with_database(connection: asyncpg.Connection, folder: Path) -> State:
    """Return the state of the kit's files, the folder's, and those of a newer release.

    Raises `MigrationError` for a file that contradicts the database.
    """
    migrations = await asyncio.to_thread(read_all_files, folder)
    applied = await read_applied(connection)
    last_applied = max(applied, default=0)
    last_file = max((migration.number for migration in migrations), default=0)
    state: State = []
    for migration in migrations:
        row = applied.pop(migration.number, None)
        fault = find_fault(migration, row, last_applied)
        if fault:
            is_newest = row is not None and migration.number == last_applied
            raise NewestEditedError(fault) if is_newest else MigrationError(fault)
        state.append((migration, row["applied_at"] if row else None))
    for number, row in applied.items():
        if 0 < number < last_file:
            raise MigrationError(f"{describe_row(row)} is not in {folder} any more. Restore it.")
        if number > last_file:
            missing = Migration(number, row["name"], "", missing=True)
            state.append((missing, row["applied_at"]))
    return state


def find_fault(migration: Migration, row: asyncpg.Record | None, last_applied: int) -> str | None:
    """Return what is wrong with a file, and what to do. `row` says how it was applied."""
    if row is None:
        if 0 < migration.number < last_applied:
            reason = f"{migration.name} is new, but number {last_applied:04} is applied already"
            return f"{reason}. Renumber the file."
        if not migration.code:
            return f"{migration.name} holds no statement yet. Write it, or delete the file."
        return None
    if row["name"] != migration.name:
        return f"{describe_row(row)} is now called {migration.name}. Rename it back."
    if row["checksum"] != migration.checksum:
        return (
            f"{describe_row(row)} has been edited since. Restore it, and put the change into a new "
            "file; in development, `service migrate redo` builds the database anew instead."
        )
    return None


def describe_row(row: asyncpg.Record) -> str:
    return f"{row['name']}, applied on {row['applied_at']:%Y-%m-%d %H:%M},"


async def read_applied(connection: asyncpg.Connection) -> dict[int, asyncpg.Record]:
    """Return the database's record of each applied file, by number."""
    try:
        rows = await connection.fetch(
            "select number, name, checksum, applied_at from schema_migrations order by 1"
        )
    except asyncpg.UndefinedTableError:
        return {}
    except asyncpg.PostgresError as error:
        raise MigrationError(f"The table schema_migrations cannot be read: {error}.") from None
    return {row["number"]: row for row in rows}


async def read_state(database: DatabaseOptions, options: MigrationOptions) -> State:
    """Return which migrations are applied. Raises `MigrationError`."""
    async with connect(database, "service migrate") as connection:
        return await compare_with_database(connection, options.folder)


async def find_pending(database: DatabaseOptions, options: MigrationOptions) -> str | None:
    """Return why the schema is not ready for this release, or None when it is."""
    for migration, applied_at in await read_state(database, options):
        if applied_at is None:
            return f"Migrations are pending, from {migration.name} on. Run `service migrate`."
    return None


def write_draft(folder: Path, name: str) -> Path:
    """Write a new file with the next number, named by the words of `name`, and return its path.

    Raises `MigrationError`.
    """
    words = "_".join(re.findall("[a-z0-9]+", name.lower()))
    if not words:
        raise MigrationError(f"{name!r}: say in words what the migration does, like add_customers")
    migrations = read_migration_files(folder)
    number = migrations[-1].number + 1 if migrations else 1
    path = folder / f"{number:04}_{words}.sql"
    path.write_text(DRAFT.format(name=words), "utf-8")
    return path
