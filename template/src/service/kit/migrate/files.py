# kit: updated by the template; extend it from app.py
"""The files of migrations/: their names, their order, and how each asks to be run."""

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from service.kit.edge import CommandError

FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)

STANDALONE = "-- migrate: without a transaction"
"""The first line of a file that PostgreSQL cannot run, or should not run, in a transaction."""

DRAFT = f"""\
-- {{name}}: what changes, and why.
--
-- The file is applied once, in a transaction: all of it, or nothing. Afterwards it is never edited.
-- An index on a table that has rows is built beside the traffic, by one statement in a file of its own:
--   {STANDALONE}    <- as the first line
--   create index concurrently if not exists orders_note_idx on orders (note);
-- `uv run pytest tests/kit/test_migration_lint.py` says what would stop traffic, and what to write instead.
-- Until a statement stands below, `service migrate` refuses this file.

"""

KIT = Path(__file__).parent / "tables"
"""The files of the kit's own tables. They come with an update, and are never edited."""


class MigrationError(CommandError):
    """The schema cannot be brought up to date. The message says why, what to do, and what the failed file left."""


@dataclass(frozen=True)
class Migration:
    """One file; `missing` if it was applied and is not here, as after a rollback to an older release."""

    number: int
    name: str
    sql: str
    missing: bool = False

    @property
    def checksum(self) -> str:
        """Of the text, whatever the line endings of the checkout."""
        return sha256(self.sql.encode()).hexdigest()

    @property
    def is_kits(self) -> bool:
        return self.number < 0

    @property
    def standalone(self) -> bool:
        return self.sql.partition("\n")[0] == STANDALONE

    @property
    def code(self) -> str:
        """The file without its comments."""
        return COMMENT.sub(" ", self.sql).strip()


def read_files(folder: Path) -> list[Migration]:
    """Return the migrations of a folder in order. Raises `MigrationError` for a file that cannot be one."""
    if not folder.is_dir():
        raise MigrationError(f"{folder.absolute()} is no folder; start in the project's, or set MIGRATIONS_FOLDER")
    migrations: dict[int, Migration] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() == ".sql"):
        if not (matched := FILE_NAME.fullmatch(path.name)):
            raise MigrationError(f"{path}: name it like 0002_add_customers.sql, in lower case")
        number = int(matched[1])
        if number in migrations:
            raise MigrationError(f"{path.name} and {migrations[number].name} share a number; renumber the newer")
        migrations[number] = Migration(number, path.name, read_text(path))
    return list(migrations.values())


def read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MigrationError(f"{path.name} is not UTF-8, as byte {error.start} shows. Save it as UTF-8.") from None


def read_all(folder: Path) -> list[Migration]:
    """Return the kit's own migrations, and then those of a folder. Raises `MigrationError`.

    The kit counts down from -1, so that its files and the team's share one table without colliding.
    """
    kits = [replace(file, number=-file.number, name=f"kit/{file.name}") for file in read_files(KIT)]
    return [*kits, *read_files(folder)]


def write_draft(folder: Path, name: str) -> Path:
    """Write a new file with the next number and the words of a name, and return its path. Raises `MigrationError`."""
    words = "_".join(re.findall("[a-z0-9]+", name.lower()))
    if not words:
        raise MigrationError(f"{name!r}: say in words what the migration does, like add_customers")
    migrations = read_files(folder)
    number = migrations[-1].number + 1 if migrations else 1
    path = folder / f"{number:04}_{words}.sql"
    path.write_text(DRAFT.format(name=words), "utf-8")
    return path
