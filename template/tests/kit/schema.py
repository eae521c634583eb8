# kit: updated by the template
"""The schema of a test: migrations applied with little patience, and questions to the database."""

from pathlib import Path

import asyncpg
from pydantic import SecretStr

from service.kit import migrate
from service.kit.migrate import MigrationOptions
from service.kit.postgres import DatabaseOptions


async def apply(url: str, folder: Path, **options: float) -> list[str]:
    """Apply the pending files of a folder, and return their names."""
    patience = MigrationOptions.model_validate({"folder": folder, "lock_timeout": 0.1, "lock_tries": 2} | options)
    database = DatabaseOptions(url=SecretStr(url))
    return [migration.name async for migration, _ in migrate.apply_pending(database, patience)]


async def ask(url: str, question: str) -> object:
    """Return the first value of a statement's result."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()
