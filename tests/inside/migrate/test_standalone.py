import asyncio
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from inside.schema import apply, ask
from service.kit.migrate.apply import find_repairs
from service.kit.migrate.files import STANDALONE, MigrationError

from tests.kit.processes import run, start

BUILD = "create index concurrently if not exists notes_text_idx on notes (text);"
UNIQUE = "create unique index concurrently if not exists notes_text_idx on notes (text);"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_notes.sql").write_text(
        "create table notes (text text);\ninsert into notes values ('a'), ('a');\n"
    )
    return tmp_path


def write(folder: Path, statements: str) -> None:
    (folder / "0002_index.sql").write_text(f"{STANDALONE}\n-- why\n{statements}\n")


def show(url: str, folder: Path, option: str) -> tuple[int, str]:
    """Return the exit code and the output of `service migrate` with an option."""
    result = run("migrate", option, DATABASE_URL=url, MIGRATIONS_FOLDER=str(folder))
    return result.returncode, result.stdout


async def is_valid(url: str) -> object:
    """Return whether the index is of use; None when there is none."""
    return await ask(url, "select indisvalid from pg_index where indexrelid = to_regclass('notes_text_idx')")


async def wait_for(url: str, question: str) -> None:
    deadline = time.monotonic() + 15
    while not await ask(url, question):
        assert time.monotonic() < deadline, question
        await asyncio.sleep(0.05)


@asynccontextmanager
async def open_transaction(url: str, statement: str = "select * from notes") -> AsyncGenerator[None]:
    """Hold a snapshot and a lock on the table, as a long report does; for a quarter of a minute at most."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"begin isolation level repeatable read; {statement}")
    try:
        async with asyncio.timeout(15):
            yield
    finally:
        await connection.close()


async def test_an_index_is_built_beside_the_traffic_and_remembered(empty_database_url: str, folder: Path):
    write(folder, BUILD)
    assert await apply(empty_database_url, folder) == ["0001_notes.sql", "0002_index.sql"]
    assert await is_valid(empty_database_url) is True
    assert await apply(empty_database_url, folder) == []


async def test_a_build_that_fails_leaves_no_index_and_can_be_corrected(empty_database_url: str, folder: Path):
    write(folder, UNIQUE)
    with pytest.raises(MigrationError, match=r"0002_index.sql: could not create unique.*notes_text_idx was dropped"):
        await apply(empty_database_url, folder)
    assert await is_valid(empty_database_url) is None
    write(folder, BUILD)
    assert await apply(empty_database_url, folder) == ["0002_index.sql"]


async def test_an_invalid_index_that_was_left_is_built_anew(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    with pytest.raises(asyncpg.UniqueViolationError):
        await ask(empty_database_url, UNIQUE)
    assert await is_valid(empty_database_url) is False
    write(folder, BUILD)
    assert await apply(empty_database_url, folder) == ["0002_index.sql"]
    assert await is_valid(empty_database_url) is True


async def test_a_build_that_was_done_but_not_remembered_is_remembered(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    await ask(empty_database_url, BUILD)
    built = await ask(empty_database_url, "select 'notes_text_idx'::regclass::oid")
    write(folder, BUILD)
    assert await apply(empty_database_url, folder) == ["0002_index.sql"]
    assert await ask(empty_database_url, "select 'notes_text_idx'::regclass::oid") == built


async def test_a_killed_build_is_taken_up_by_the_next_run(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    write(folder, BUILD)
    settings = {"DATABASE_URL": empty_database_url, "MIGRATIONS_FOLDER": str(folder)}
    async with open_transaction(empty_database_url):
        with start("migrate", cwd=folder, **settings) as process:
            await wait_for(empty_database_url, "select count(*) = 1 from pg_index where not indisvalid")
            process.send_signal(signal.SIGKILL)
            process.wait(5)
        await ask(
            empty_database_url,
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'service migrate' and datname = current_database()",
        )
        assert await is_valid(empty_database_url) is False
    assert await apply(empty_database_url, folder) == ["0002_index.sql"]
    assert await is_valid(empty_database_url) is True


async def test_a_build_gives_up_on_a_long_transaction_and_says_what_is_left(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    write(folder, BUILD)
    async with open_transaction(empty_database_url):
        began = time.monotonic()
        with pytest.raises(MigrationError, match=r"1 tries of 0.2 s.*notes_text_idx may be left.*End the long ones"):
            await apply(empty_database_url, folder)
        assert time.monotonic() - began < 5
    assert await apply(empty_database_url, folder) == ["0002_index.sql"]
    assert await is_valid(empty_database_url) is True


async def test_a_process_that_waits_for_its_turn_does_not_hold_up_a_build(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    write(folder, BUILD)
    # The writer holds up the beginning of the build: what waits by then is older than the snapshot at its end.
    async with open_transaction(empty_database_url, "insert into notes values ('b')"):
        first = asyncio.create_task(apply(empty_database_url, folder, lock_timeout=10))
        await wait_for(empty_database_url, "select count(*) = 1 from pg_index where not indisvalid")
        second = asyncio.create_task(apply(empty_database_url, folder, lock_timeout=10))
        await asyncio.sleep(0.5)
        assert not first.done()
        assert not second.done()
    assert sorted(await asyncio.wait_for(asyncio.gather(first, second), 10)) == [[], ["0002_index.sql"]]
    assert await is_valid(empty_database_url) is True


async def test_a_statement_that_blocks_is_given_up_and_tried_again(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    write(folder, "alter table notes add more text;")
    async with open_transaction(empty_database_url):
        with pytest.raises(MigrationError, match=r"2 tries of 0.1 s"):
            await apply(empty_database_url, folder)
    assert await apply(empty_database_url, folder) == ["0002_index.sql"]


async def test_an_index_that_a_failed_reindex_left_is_named_with_the_statement_that_repairs_it(
    empty_database_url: str, folder: Path
):
    await apply(empty_database_url, folder)
    await ask(empty_database_url, BUILD)
    write(folder, "reindex index concurrently notes_text_idx;")
    async with open_transaction(empty_database_url, "select from notes; insert into notes values ('b')"):
        repair = r"`drop index concurrently public\.notes_text_idx_ccnew`"
        with pytest.raises(
            MigrationError, match=rf"a part of it was applied\. An invalid index is left: {repair}\. End the"
        ):
            await apply(empty_database_url, folder)

    code, output = show(empty_database_url, folder, "--check")
    assert code == 1
    assert "An index is invalid; repair it: drop index concurrently public.notes_text_idx_ccnew\n" in output
    await ask(empty_database_url, "drop index concurrently public.notes_text_idx_ccnew")
    assert await apply(empty_database_url, folder) == ["0002_index.sql"]
    assert show(empty_database_url, folder, "--check") == (0, "")


async def test_an_index_that_a_failed_build_left_is_repaired_by_a_reindex(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    with pytest.raises(asyncpg.UniqueViolationError):
        await ask(empty_database_url, UNIQUE)
    repair = "reindex index concurrently public.notes_text_idx"
    assert f"An index is invalid; repair it: {repair}\n" in show(empty_database_url, folder, "--list")[1]
    await ask(empty_database_url, "delete from notes where ctid = '(0,1)'")
    await ask(empty_database_url, repair)
    assert await is_valid(empty_database_url) is True
    assert "invalid" not in show(empty_database_url, folder, "--list")[1]


async def test_an_index_that_is_being_built_is_not_taken_for_an_invalid_one(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    async with open_transaction(empty_database_url):
        building = asyncio.create_task(ask(empty_database_url, BUILD))
        await wait_for(empty_database_url, "select count(*) = 1 from pg_index where not indisvalid")
        assert await asyncio.to_thread(show, empty_database_url, folder, "--check") == (0, "")
        assert await find_repairs_as_another_role(empty_database_url) == []
    await building


async def find_repairs_as_another_role(url: str) -> list[str]:
    """Return what a role is told that may not see what the others do."""
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("create role watcher; set local role watcher")
        repairs = await find_repairs(connection)
        await connection.execute("reset role; drop role watcher")
    await connection.close()
    return repairs
