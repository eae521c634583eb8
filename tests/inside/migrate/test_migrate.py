import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from inside.schema import apply, ask
from service.kit.migrate import files
from service.kit.migrate.apply import ADVISORY_LOCK
from service.kit.migrate.files import MigrationError

SET_BY_PG_DUMP = "select pg_catalog.set_config('search_path', '', false)"
COMMAND = [sys.executable, "-m", "service", "migrate"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_notes.sql").write_text("create table notes (id int);\ninsert into notes values (1);\n")
    (tmp_path / "0002_more.sql").write_text("alter table notes add text text;\ninsert into notes values (2, 'x');\n")
    return tmp_path


async def count_notes(url: str) -> object:
    return await ask(url, "select count(*) from notes")


def list_lines(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what was printed about the files of the folder, and not about the kit's."""
    return [line for line in result.stdout.splitlines() if "kit/" not in line]


def run(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"DATABASE_URL": url, "MIGRATIONS_FOLDER": str(folder)}
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, check=False, timeout=30)


async def test_files_are_applied_once_and_in_order(empty_database_url: str, folder: Path):
    assert await apply(empty_database_url, folder) == ["0001_notes.sql", "0002_more.sql"]
    assert await apply(empty_database_url, folder) == []
    (folder / "0003_last.sql").write_text("insert into notes values (3);")
    assert await apply(empty_database_url, folder) == ["0003_last.sql"]
    assert await count_notes(empty_database_url) == 3


async def test_eight_processes_at_once_apply_each_file_exactly_once(empty_database_url: str, folder: Path):
    results = await asyncio.gather(*(asyncio.to_thread(run, empty_database_url, folder) for _ in range(8)))
    assert [result.stderr for result in results] == [""] * 8
    applied = sorted(line.split()[1] for result in results for line in list_lines(result))
    assert applied == ["0001_notes.sql", "0002_more.sql"]
    assert await count_notes(empty_database_url) == 2


async def test_an_edited_file_is_refused_and_nothing_is_applied(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    (folder / "0001_notes.sql").write_text("create table notes (id bigint);")
    (folder / "0003_last.sql").write_text("insert into notes values (3);")
    with pytest.raises(MigrationError, match=r"0001_notes.sql, applied on .* has been edited since. Restore it"):
        await apply(empty_database_url, folder)
    assert await count_notes(empty_database_url) == 2


@pytest.mark.parametrize("arguments", [(), ("--list",), ("--check",)])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("0001_early.sql", b"select 1", r"0001_early.sql is new, but number 0003 is applied already"),
        ("0002_notes.sql", None, r"0002_notes.sql, applied on .* is not in .* any more. Restore it"),
        ("0002_notes.sql", "0002_other.sql", r"0002_notes.sql, applied on .* is now called 0002_other.sql"),
        ("0002_notes.sql", b"create table notes (id bigint)", r"0002_notes.sql, applied on .* has been edited since"),
        ("0010_x.SQL", b"select 1", r"0010_x.SQL: name it like"),
        ("0010_x.sql", b"", r"0010_x.sql holds no statement"),
        ("0010_x.sql", b" \n", r"0010_x.sql holds no statement"),
        ("0010_x.sql", b"select '\xe4'", r"0010_x.sql is not UTF-8, as byte 8 shows"),
    ],
)
async def test_a_file_that_contradicts_the_database_or_cannot_be_run_is_refused_by_name(
    empty_database_url: str, folder: Path, arguments: list[str], name: str, content: bytes | str | None, message: str
):
    for number, path in ((3, "0002_more.sql"), (2, "0001_notes.sql")):
        (folder / path).rename(folder / f"{number:04}{path[4:]}")
    await apply(empty_database_url, folder)
    match content:
        case bytes():
            (folder / name).write_bytes(content)
        case str():
            (folder / name).rename(folder / content)
        case None:
            (folder / name).unlink()
    result = await asyncio.to_thread(run, empty_database_url, folder, *arguments)
    assert result.returncode == 1
    assert re.search(message, result.stderr)
    assert "Traceback" not in result.stderr


async def test_what_a_newer_release_applied_is_named_and_stops_an_older_one_only_in_a_check(
    empty_database_url: str, folder: Path
):
    await apply(empty_database_url, folder)
    (folder / "0002_more.sql").unlink()
    assert await apply(empty_database_url, folder) == []
    for argument, code in (("--list", 0), ("--check", 1)):
        result = await asyncio.to_thread(run, empty_database_url, folder, argument)
        assert result.returncode == code
        assert re.search(r"0002_more.sql .*, but there is no such file", result.stdout)


async def test_a_role_that_may_create_nothing_is_told_so_when_there_is_something_to_apply(
    empty_database_url: str, folder: Path
):
    await ask(empty_database_url, "create role limited login")
    try:
        limited = urlsplit(empty_database_url)._replace(netloc="limited@").geturl()
        result = await asyncio.to_thread(run, limited, folder)
        assert (result.returncode, "Traceback" in result.stderr) == (1, False)
        assert "schema_migrations cannot be created: permission denied for schema public" in result.stderr
        await apply(empty_database_url, folder)
        result = await asyncio.to_thread(run, limited, folder)
        assert (result.returncode, "Traceback" in result.stderr) == (1, False)
        assert "schema_migrations cannot be read: permission denied" in result.stderr
        await ask(empty_database_url, "grant select on schema_migrations to limited")
        result = await asyncio.to_thread(run, limited, folder)
        assert (result.returncode, result.stderr) == (0, "")
    finally:
        await ask(empty_database_url, "drop owned by limited")
        await ask(empty_database_url, "drop role limited")


async def test_redo_rebuilds_the_database_and_only_when_told_twice(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    await ask(empty_database_url, "create schema other create table things (id int)")
    (folder / "0002_more.sql").write_text("alter table notes add number int; create schema other;")
    refused = await asyncio.to_thread(run, empty_database_url, folder, "redo")
    assert refused.returncode == 1
    assert "DATABASE_URL is set, and `redo` may delete rows there" in refused.stderr
    assert await count_notes(empty_database_url) == 2
    done = await asyncio.to_thread(run, empty_database_url, folder, "redo", "--force")
    assert done.returncode == 0, done.stderr
    assert await apply(empty_database_url, folder) == []
    assert await ask(empty_database_url, "select count(*) from notes where number is null") == 2


async def test_line_endings_of_the_checkout_do_not_count_as_an_edit(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    path = folder / "0001_notes.sql"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert await apply(empty_database_url, folder) == []


async def test_a_file_that_fails_half_way_leaves_nothing_and_can_be_corrected(empty_database_url: str, folder: Path):
    broken = folder / "0002_more.sql"
    correct = broken.read_text()
    broken.write_text("insert into notes values (9);\n\nalter table nothing add x int;\n")
    with pytest.raises(MigrationError, match=r'0002_more.sql.*"nothing" does not exist.*Nothing of this file'):
        await apply(empty_database_url, folder)
    assert await count_notes(empty_database_url) == 1
    broken.write_text(correct)
    assert await apply(empty_database_url, folder) == ["0002_more.sql"]


async def test_a_syntax_error_is_named_with_its_line(empty_database_url: str, folder: Path):
    (folder / "0002_more.sql").write_text("insert into notes values (9);\n\ncreate tabel x ();\n")
    with pytest.raises(MigrationError, match=r"0002_more.sql, line 3: syntax error"):
        await apply(empty_database_url, folder)


async def test_a_locked_table_is_given_up_and_traffic_passes_meanwhile(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    (folder / "0003_last.sql").write_text("alter table notes add more text;")
    reader, other = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    async with reader.transaction():
        await reader.fetch("select * from notes")
        migrating = asyncio.create_task(apply(empty_database_url, folder))
        deadline = time.monotonic() + 10
        while not migrating.done():
            assert time.monotonic() < deadline
            await other.fetch("select * from notes", timeout=2)
            await asyncio.sleep(0.02)
        with pytest.raises(MigrationError, match=r"0003_last.sql.*2 tries.*Nothing of this file was applied"):
            await migrating
    assert await apply(empty_database_url, folder) == ["0003_last.sql"]
    await reader.close()
    await other.close()


async def test_a_running_file_stands_by_name_in_the_list_of_sessions(empty_database_url: str, folder: Path):
    (folder / "0002_more.sql").write_text("select pg_sleep(1)")
    migrating = asyncio.create_task(apply(empty_database_url, folder))
    query = "select max(query) like '%0002_more.sql%' from pg_stat_activity where application_name = 'service migrate'"
    while not await ask(empty_database_url, query):
        assert not migrating.done()
    await migrating


async def test_a_process_waits_for_one_that_migrates_and_not_for_ever(empty_database_url: str, folder: Path):
    holder = await asyncpg.connect(empty_database_url)
    await holder.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
    with pytest.raises(MigrationError, match="Another process has been migrating"):
        await apply(empty_database_url, folder, wait=0.3)
    waiting = asyncio.create_task(apply(empty_database_url, folder))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await holder.close()
    assert len(await waiting) == 2


async def test_check_and_list_change_nothing(empty_database_url: str, folder: Path):
    pending = await asyncio.to_thread(run, empty_database_url, folder, "--check")
    assert pending.returncode == 1
    assert [line.split() for line in list_lines(pending)] == [
        ["0001_notes.sql", "pending"],
        ["0002_more.sql", "pending"],
    ]
    await apply(empty_database_url, folder)
    assert (await asyncio.to_thread(run, empty_database_url, folder, "--check")).returncode == 0
    (folder / "0003_last.sql").write_text("insert into notes values (3);")
    listed = await asyncio.to_thread(run, empty_database_url, folder, "--list")
    assert listed.returncode == 0
    names, states = zip(*(line.split(maxsplit=1) for line in list_lines(listed)), strict=True)
    assert names == ("0001_notes.sql", "0002_more.sql", "0003_last.sql")
    assert [state.strip() == "pending" for state in states] == [False, False, True]


@pytest.mark.parametrize(
    ("name", "advice"),
    [("2_x.sql", "name it like"), ("0002_X.sql", "name it like"), ("0002_other.sql", "renumber the newer")],
)
def test_a_misnamed_or_doubled_file_is_refused(folder: Path, name: str, advice: str):
    (folder / name).write_text("select 1")
    with pytest.raises(MigrationError, match=advice):
        files.read_all_files(folder)


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(MigrationError, match="MIGRATIONS_FOLDER"):
        files.read_all_files(tmp_path / "nowhere")


async def test_the_time_limits_of_a_role_behind_a_pooler_do_not_end_it(empty_database_url: str, tmp_path: Path):
    name = empty_database_url.partition("/service_test_")[2].partition("?")[0]
    await ask(empty_database_url, f"alter database service_test_{name} set statement_timeout = '100ms'")
    (tmp_path / "0001_slow.sql").write_text("select pg_sleep(0.3)")
    assert await apply(empty_database_url, tmp_path) == ["0001_slow.sql"]


@pytest.mark.parametrize("setting", ["set search_path = other", "set local search_path = other", SET_BY_PG_DUMP])
async def test_a_search_path_of_a_file_is_not_that_of_the_next_or_of_the_runner(
    empty_database_url: str, folder: Path, setting: str
):
    (folder / "0002_more.sql").write_text(f"create schema other;\n{setting};\ncreate table other.more (id int);\n")
    (folder / "0003_last.sql").write_text("insert into notes values (3);\n")
    assert len(await apply(empty_database_url, folder)) == 3
    assert await apply(empty_database_url, folder) == []
    assert await count_notes(empty_database_url) == 2


async def test_a_role_of_a_file_is_not_that_of_the_next_or_of_the_runner(empty_database_url: str, folder: Path):
    (folder / "0002_more.sql").write_text("create role somebody;\nset role somebody;\n")
    (folder / "0003_last.sql").write_text("insert into notes values (3);\ndrop role somebody;\n")
    assert len(await apply(empty_database_url, folder)) == 3


async def test_a_setting_that_runs_outside_a_transaction_ends_with_its_file(empty_database_url: str, folder: Path):
    (folder / "0002_more.sql").write_text(f"{files.STANDALONE}\nset search_path = other\n")
    assert await apply(empty_database_url, folder) == ["0001_notes.sql", "0002_more.sql"]
    assert await apply(empty_database_url, folder) == []
