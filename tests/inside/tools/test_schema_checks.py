"""What the contract asks of a schema: primary keys, and indexes on foreign keys."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest
import pytest_asyncio
from _pytest.outcomes import OutcomeException
from service_tools.sql import indexes

from tests.kit import lint, test_contract


@pytest_asyncio.fixture
async def connection(empty_database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("create schema shop; create schema kit; create table users (id bigint primary key)")
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("schema", "tables"),
    [
        ("create table logs (at date)", ["logs"]),
        ("create table shop.logs (id int not null unique)", ["shop.logs"]),
        ("create unlogged table logs (at date)", ["logs"]),
        ("create table logs (at date) partition by range (at); create table l partition of logs default", ["logs"]),
        ("create table moved () inherits (users)", ["moved"]),
        ('create table shop."Odd ones" (id int)', ['shop."Odd ones"']),
        (
            "create table logs (at date primary key) partition by range (at); create table l partition of logs default",
            [],
        ),
        ("create table kit.logs (at date); create temp table logs (at date); create view v as select 1 as one", []),
        ("create table shop.logs (at date); alter table shop.logs replica identity full", []),
        (
            "create table logs (id int not null); create unique index logs_id_key on logs (id); "
            "alter table logs replica identity using index logs_id_key",
            [],
        ),
        ("create table logs (id int primary key)", []),
    ],
)
async def test_a_table_without_a_primary_key_is_found(connection: asyncpg.Connection, schema: str, tables: list[str]):
    await connection.execute(schema)
    problems = await indexes.check_primary_keys(connection)
    assert [problem.partition(": add a primary key")[0] for problem in problems] == tables
    for problem in problems:
        await connection.execute(problem.rpartition("let a migration say: ")[2])
    assert await indexes.check_primary_keys(connection) == []


@pytest.mark.parametrize(
    ("schema", "tables"),
    [
        ("create table carts (user_id bigint references users)", ["carts"]),
        ("create table shop.carts (user_id bigint references users)", ["shop.carts"]),
        (
            "create table carts (user_id bigint references users, at date) partition by range (at);"
            "create table shop.carts_rest partition of carts default",
            ["carts"],
        ),
        ("create table shop.carts (user_id bigint references users); create index on shop.carts (user_id)", []),
        (
            "create table carts (user_id bigint references users, at date) partition by range (at);"
            "create table carts_rest partition of carts default; create index on carts (user_id)",
            [],
        ),
        ("create table kit.carts (user_id bigint references users)", []),
    ],
)
async def test_a_foreign_key_without_an_index_is_found_in_every_schema(
    connection: asyncpg.Connection, schema: str, tables: list[str]
):
    await connection.execute(schema)
    problems = await indexes.check_foreign_keys(connection)
    assert [problem.partition(": add an index")[0] for problem in problems] == [
        f"{table}.carts_user_id_fkey" for table in tables
    ]


@pytest.mark.parametrize(("are_older", "end"), [(True, "Skipped"), (False, "AssertionError")])
async def test_the_suite_tells_of_older_migrations_and_fails_for_newer_ones(
    connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, are_older: bool, end: str
):
    monkeypatch.setattr(lint, "are_older_than_update", lambda: are_older)
    await connection.execute("create table logs (at date)")
    with pytest.raises((OutcomeException, AssertionError), match="logs") as ended:
        await test_contract.test_every_table_has_a_primary_key_and_every_foreign_key_an_index(connection)
    assert ended.typename == end
