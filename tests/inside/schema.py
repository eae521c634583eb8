"""The schema of a test: migrations applied with little patience, and questions to the database."""

from pathlib import Path

import asyncpg
from pydantic import SecretStr
from service.kit.db.sessions import DatabaseOptions
from service.kit.migrate.apply import apply_pending
from service.kit.migrate.files import MigrationOptions


async def apply(url: str, folder: Path, **options: float) -> list[str]:
    """Apply the pending files of a folder after the kit's own, and return their names."""
    patience = MigrationOptions.model_validate({"folder": folder, "lock_timeout": 0.1, "lock_tries": 2} | options)
    database = DatabaseOptions(url=SecretStr(url))
    applied = [migration async for migration, _ in apply_pending(database, patience)]
    return [migration.name for migration in applied if not migration.is_of_kit]


async def ask(url: str, question: str) -> object:
    """Return the first value of a statement's result."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()
