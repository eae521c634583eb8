"""The kit's own tables: `service migrate` makes them before it applies the files of the service."""

import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from inside.schema import apply, ask
from pydantic import SecretStr
from service.kit.db.sessions import DatabaseOptions
from service.kit.migrate import files
from service.kit.migrate.files import MigrationError, MigrationOptions

from tests.kit import lint

FIRST = "kit/0001_idempotency_keys.sql"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_notes.sql").write_text("create table notes (id int)")
    return tmp_path


async def list_states(url: str, folder: Path) -> dict[str, bool]:
    """Return whether each file is applied."""
    states = await files.read_state(DatabaseOptions(url=SecretStr(url)), MigrationOptions(folder=folder))
    return {migration.name: applied_at is not None for migration, applied_at in states}


async def test_they_come_first_and_are_listed(empty_database_url: str, folder: Path):
    names = [migration.name for migration in files.read_all_files(folder)]
    assert names[0] == FIRST
    assert names[-1] == "0001_notes.sql"
    assert await list_states(empty_database_url, folder) == dict.fromkeys(names, False)
    await apply(empty_database_url, folder)
    assert await list_states(empty_database_url, folder) == dict.fromkeys(names, True)


async def test_a_service_from_before_gets_them_by_its_next_migration(
    empty_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
):
    monkeypatch.setattr(files, "KIT", tmp_path_factory.mktemp("none"))
    assert await apply(empty_database_url, folder) == ["0001_notes.sql"]
    monkeypatch.undo()
    options = DatabaseOptions(url=SecretStr(empty_database_url)), MigrationOptions(folder=folder)
    assert FIRST in (await files.find_pending(*options) or "")
    assert await apply(empty_database_url, folder) == []
    assert await files.find_pending(*options) is None
    assert await ask(empty_database_url, "select count(*) from kit.idempotency_keys") == 0


async def test_a_schema_that_an_administrator_made_is_taken(empty_database_url: str, folder: Path):
    await ask(empty_database_url, "create schema kit")
    await apply(empty_database_url, folder)
    assert await ask(empty_database_url, "select count(*) from kit.idempotency_keys") == 0


async def test_a_table_that_is_in_the_way_is_named_with_what_to_do(empty_database_url: str, folder: Path):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("create schema kit; create table kit.idempotency_keys (id int)")
    await connection.close()
    with pytest.raises(MigrationError, match=rf'{FIRST}.*"idempotency_keys" already exists.*rename what is in'):
        await apply(empty_database_url, folder)


@pytest_asyncio.fixture
async def role(empty_database_url: str) -> AsyncGenerator[str]:
    """A user that may make tables in the schema `public`, and no schema."""
    name = f"kit_test_{uuid4().hex}"
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(f"create role {name} login password 'x'; grant create, usage on schema public to {name}")
    yield name
    await connection.execute(f"drop owned by {name}; drop role {name}")
    await connection.close()


async def test_a_missing_right_is_told_with_what_to_grant(empty_database_url: str, folder: Path, role: str):
    parts = urlsplit(empty_database_url)
    url = parts._replace(netloc=f"{role}:x@{parts.netloc.rpartition('@')[2]}").geturl()
    with pytest.raises(MigrationError, match=rf"{FIRST}.*permission denied for database.*`grant create on database"):
        await apply(url, folder)
    assert await ask(empty_database_url, "select to_regclass('notes')") is None


def test_they_stop_no_traffic_and_are_marked_as_the_kits(tmp_path: Path):
    for path in files.KIT.iterdir():
        assert path.read_text("utf-8").startswith("-- kit: updated by the template"), path
    shutil.copytree(files.KIT, tmp_path, dirs_exist_ok=True)
    assert os.listdir(tmp_path)
    assert lint.check_migrations(tmp_path) == []
