"""The suite refuses migrations that would stop traffic or lose data, and what it advises works on PostgreSQL."""

import shutil
from pathlib import Path

import asyncpg
import pytest
from inside.migrate.unsafe_migrations import GROUND, SAFE, UNSAFE
from inside.schema import apply
from service.kit.migrate.files import MigrationOptions

from tests.kit import lint, test_migration_lint
from tests.kit.lint import Finding


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all of it."""
    files = [("ground", GROUND)]
    files += [(f"unsafe_{name}", sql) for name, (sql, _, _) in UNSAFE.items()]
    files += [(f"safe_{name}", sql) for name, steps in SAFE.items() for sql in steps]
    folder = tmp_path_factory.mktemp("migrations")
    for number, (name, sql) in enumerate(files, 1):
        (folder / f"{number:04}_{name}.sql").write_text(f"{sql}\n")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> list[Finding]:
    return lint.check_migrations(folder)


async def test_all_of_it_can_be_done_on_this_postgresql(empty_database_url: str, folder: Path):
    applied = await apply(empty_database_url, folder, lock_timeout=5)
    assert applied[-1].endswith(f"_safe_{[*SAFE][-1]}.sql")


@pytest.mark.parametrize("name", ["not_null", "checked_column", "attach", "attach_beside_default"])
async def test_what_is_advised_reads_no_table_while_nobody_gets_in(empty_database_url: str, name: str):
    """PostgreSQL says at the level `debug1` which table it reads to verify it."""
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(GROUND)
    told: list[str] = []
    connection.add_log_listener(lambda _, message: told.append(message.message or ""))
    await connection.execute("set client_min_messages = debug1")

    await connection.execute(f"begin; {UNSAFE[name][0]}; rollback")
    assert any("verifying table" in message for message in told)
    for sql in SAFE[name]:
        told.clear()
        await connection.execute(sql)
        if "validate constraint" not in sql:  # which lets everybody in
            assert [message for message in told if "verifying table" in message] == [], sql
    await connection.close()


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_migration_is_refused_with_its_place_and_what_to_write(found: list[Finding], name: str):
    _, rule, advice = UNSAFE[name]
    of_file = [finding for finding in found if finding.file.endswith(f"_unsafe_{name}.sql")]
    assert [finding.line for finding in of_file if finding.rule == rule] == [1], of_file
    assert any(advice in finding.message for finding in of_file), of_file


@pytest.mark.parametrize("name", SAFE)
def test_its_safe_counterpart_passes(found: list[Finding], name: str):
    assert [finding for finding in found if finding.file.endswith(f"_safe_{name}.sql")] == []


def test_a_suite_fails_with_every_finding_and_how_to_excuse_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(lint.ROOT / ".squawk.toml", tmp_path)
    shutil.copytree(folder, tmp_path / MigrationOptions().folder)
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    with pytest.raises(pytest.fail.Exception, match=r"migrations/0002_unsafe_index.sql:1: [\s\S]*squawk-ignore <rule>"):
        test_migration_lint.test_migrations_stop_no_traffic_and_lose_no_data_by_accident()
