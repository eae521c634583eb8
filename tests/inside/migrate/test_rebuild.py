"""An edited migration is applied again without losing the rows that still fit."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from inside.schema import apply, ask
from pydantic import SecretStr
from service.kit.db.sessions import DatabaseOptions
from service.kit.migrate.files import MigrationError, MigrationOptions, NewestEditedError
from service.kit.migrate.rebuild import rebuild_database

FIRST = """
create type mood as enum ('glad', 'sad');
create table z_parent (
    id bigint generated always as identity primary key,
    number serial,
    name text not null,
    moods mood[] not null default '{}',
    data jsonb,
    bytes bytea,
    at timestamptz not null default now(),
    price numeric(30, 10),
    doubled int generated always as (number * 2) stored
);
create table a_child (
    id int primary key,
    parent_id bigint not null references z_parent,
    other_id int references a_child
);
create table plan (id int primary key, name text not null);
insert into plan values (1, 'free');
create function shout() returns trigger language plpgsql as $$ begin new.name := upper(new.name); return new; end $$;
create trigger shout before insert on z_parent for each row execute function shout();
"""

ROWS = """
insert into z_parent (name, moods, data, bytes, at, price)
values ('a', '{glad,sad}', '{"x": [1, null]}', '\\x00ff', '2026-01-02 03:04:05.123456+00',
        12345678901234567890.0123456789);
insert into a_child values (1, 1, 2), (2, 1, null);
insert into plan values (2, 'paid');
alter table z_parent disable trigger user;
update z_parent set name = 'as it was';
alter table z_parent enable trigger user;
"""

PARENT = "select to_jsonb(z_parent) - 'extra' from z_parent"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text(FIRST)
    (tmp_path / "0002_second.sql").write_text("create table note (id int primary key, text text not null);")
    return tmp_path


async def rebuild(url: str, folder: Path) -> dict[str, int]:
    lost = await rebuild_database(DatabaseOptions(url=SecretStr(url)), MigrationOptions(folder=folder))
    return {table: count for table, count in lost}  # noqa: C416 - these are records


async def insert_rows(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(ROWS)
    await connection.close()


async def test_rows_of_every_type_and_in_any_order_are_kept_as_they_were(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    await insert_rows(empty_database_url)
    before = await ask(empty_database_url, PARENT)
    (folder / "0001_first.sql").write_text(FIRST + "alter table z_parent add extra text not null default 'new';")
    assert await rebuild(empty_database_url, folder) == {}
    assert await ask(empty_database_url, PARENT) == before
    assert await ask(empty_database_url, "select extra from z_parent") == "new"
    assert await ask(empty_database_url, "select array_agg(parent_id) from a_child") == [1, 1]
    assert await ask(empty_database_url, "select array_agg(name order by id) from plan") == ["free", "paid"]
    added = "insert into z_parent (name) values ('loud') returning id * 100 + number"
    assert await ask(empty_database_url, added) == 202, "the counters did not go on"
    assert await ask(empty_database_url, "select name from z_parent where id = 2") == "LOUD"
    assert await apply(empty_database_url, folder) == []


async def test_only_rows_that_no_longer_fit_are_lost_and_counted(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    await insert_rows(empty_database_url)
    await ask(empty_database_url, "insert into note values (1, 'a'), (2, 'b')")
    (folder / "0002_second.sql").write_text("create table note (id int primary key, body text not null);")
    assert await rebuild(empty_database_url, folder) == {"public.note": 2}
    assert await ask(empty_database_url, "select count(*) from a_child") == 2
    (folder / "0002_second.sql").write_text("create table memo (id int primary key);")
    await ask(empty_database_url, "insert into note values (1, 'a')")
    assert await rebuild(empty_database_url, folder) == {"public.note": 1}
    assert await ask(empty_database_url, "select count(*) from memo") == 0


async def test_a_file_that_fails_changes_nothing(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    await insert_rows(empty_database_url)
    (folder / "0002_second.sql").write_text("create table note (id int);\ncreate tabel other (id int);")
    expected = '0002_second.sql, line 2: syntax error at or near "tabel".*The database is as it was'
    with pytest.raises(MigrationError, match=expected):
        await rebuild(empty_database_url, folder)
    assert await ask(empty_database_url, "select count(*) from a_child") == 2
    assert await ask(empty_database_url, "select count(*) from note where text is null") == 0


async def test_an_index_that_is_built_concurrently_is_built_again(empty_database_url: str, folder: Path):
    index = "-- migrate: without a transaction\ncreate index concurrently if not exists plan_name_idx on plan (name);"
    (folder / "0003_index.sql").write_text(index)
    await apply(empty_database_url, folder)
    await insert_rows(empty_database_url)
    assert await rebuild(empty_database_url, folder) == {}
    assert await ask(empty_database_url, "select indisvalid from pg_index where indexrelid = 'plan_name_idx'::regclass")
    assert await apply(empty_database_url, folder) == []


async def test_a_transaction_that_is_open_delays_it_and_does_not_stop_it(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    reader = await asyncpg.connect(empty_database_url)
    transaction = reader.transaction()
    await transaction.start()
    await reader.execute("select * from plan")
    rebuilding = asyncio.ensure_future(rebuild(empty_database_url, folder))
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    for _ in range(1000):
        if await ask(empty_database_url, waiting):
            break
        await asyncio.sleep(0.01)
    await transaction.rollback()
    assert await rebuilding == {}
    await reader.close()


async def test_only_an_edit_of_the_newest_file_may_be_applied_again_by_itself(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    (folder / "0002_second.sql").write_text("create table note (id int);")
    with pytest.raises(NewestEditedError):
        await apply(empty_database_url, folder)
    await rebuild(empty_database_url, folder)
    (folder / "0001_first.sql").write_text(FIRST + "select 1;")
    with pytest.raises(MigrationError) as caught:
        await apply(empty_database_url, folder)
    assert not isinstance(caught.value, NewestEditedError)
