import asyncio
import traceback
from collections.abc import AsyncGenerator
from typing import Any, cast
from uuid import UUID

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from service.kit.db.database import READ_PAUSE, SMALL_CHUNK, Connection, Database
from service.kit.db.errors import to_problem
from service.kit.db.query import Query
from service.kit.work.problems import Problem, conflict
from service.settings import Settings


class Extra(msgspec.Struct, frozen=True):
    extra: Any
    nothing: Any


ONE = Query("select 1", int)
SLEEP = Query("select 1 from pg_sleep(60)", int)
INSERT = Query("insert into notes (id) values ($1) returning id", int, tuple[int])
COUNT = Query("select count(*)::int from notes", int)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    quick = {"acquire_timeout": 0.3, "lock_timeout": 0.4, "statement_timeout": 0.5, "command_timeout": 2}
    return settings.model_copy(update={"database": settings.database.model_copy(update=quick | {"pool_size": 2})})


@pytest_asyncio.fixture
async def db(settings: Settings) -> AsyncGenerator[Database]:
    async with Database(settings.database) as db:
        async with db.connection() as connection:
            await connection.raw.execute("create table notes (id int constraint notes_pkey primary key)")
        yield db


async def test_a_full_pool_is_a_503_within_the_acquire_timeout(db: Database):
    async with db.connection(), db.connection(), asyncio.timeout(0.6):
        with pytest.raises(Problem) as caught:
            await db.fetch_one(ONE)
    assert caught.value.status == 503
    assert "retry-after" in caught.value.headers
    assert await db.fetch_one(ONE) == 1


async def test_a_transaction_takes_effect_as_a_whole_or_not_at_all(db: Database):
    async def insert_then_divide(divisor: int) -> float:
        async with db.transaction() as connection:
            await connection.fetch_one(INSERT, divisor)
            return 1 / divisor

    with pytest.raises(ZeroDivisionError):
        await insert_then_divide(0)
    assert await db.fetch_one(COUNT) == 0
    await insert_then_divide(1)
    assert await db.fetch_one(COUNT) == 1


async def test_a_connection_returned_within_a_transaction_is_rolled_back(db: Database):
    for _ in range(2):  # both connections of the pool
        async with db.connection() as connection:
            await connection.raw.execute("begin")
            await connection.fetch_one(INSERT, 1)
    assert await db.fetch_one(COUNT) == 0


async def test_returning_a_connection_costs_no_round_trip(db: Database):
    async with db.connection() as watcher:
        async with db.connection() as connection:
            pid = connection.raw.get_server_pid()
            await connection.fetch(ONE)
        last = await watcher.raw.fetchval("select query from pg_stat_activity where pid = $1", pid)
    assert last == ONE.sql


async def test_no_row_is_none_or_an_error_as_the_caller_asks(db: Database):
    nothing = Query("select 1 where false", int)
    assert await db.find(nothing) is None
    assert await db.fetch(nothing) == []
    with pytest.raises(LookupError, match="where false"):
        await db.fetch_one(nothing)


async def test_a_slow_statement_is_ended_by_the_server_and_is_a_504(db: Database):
    with pytest.raises(asyncpg.QueryCanceledError) as caught:
        await db.fetch(SLEEP)
    problem = to_problem(caught.value, {})
    assert problem is not None
    assert problem.status == 504


async def test_waiting_for_a_lock_ends_with_a_503(db: Database):
    async with db.transaction() as connection:
        await connection.raw.execute("lock table notes")
        with pytest.raises(asyncpg.LockNotAvailableError) as caught:
            await db.fetch_one(INSERT, 1)
    problem = to_problem(caught.value, {})
    assert problem is not None
    assert problem.status == 503


async def test_a_violated_constraint_is_the_problem_that_the_slice_gives_for_it(db: Database):
    await db.fetch_one(INSERT, 1)
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await db.fetch_one(INSERT, 1)
    problem = to_problem(caught.value, {"notes_pkey": lambda: conflict("id", "it is taken")})
    assert problem is not None
    assert (problem.status, problem.errors[0].field) == (409, "id")
    assert to_problem(caught.value, {}) is None, "an unknown constraint is a fault of ours: 500"


@pytest.mark.parametrize("value", [2**31, "one"])
async def test_a_value_that_does_not_fit_its_column_is_a_422(db: Database, value: object):
    with pytest.raises(asyncpg.DataError) as caught:
        await db.fetch_one(INSERT, value)
    problem = to_problem(caught.value, {})
    assert problem is not None
    assert problem.status == 422


async def test_a_connection_that_ended_while_it_was_borrowed_is_a_503(db: Database):
    async with db.connection() as killer, db.connection() as victim:
        await killer.raw.execute("select pg_terminate_backend($1)", victim.raw.get_server_pid())
        await asyncio.sleep(0.2)  # asyncpg notices
        with pytest.raises(Problem) as caught:
            await victim.fetch(ONE)
    assert (caught.value.status, caught.value.kind) == (503, "outcome-unknown")


async def test_a_misused_statement_is_a_fault_of_ours_and_not_a_lost_connection(db: Database):
    with pytest.raises(asyncpg.InterfaceError) as caught:
        await cast("Any", db).fetch(ONE, "too much")
    assert to_problem(caught.value, {}) is None


async def test_killed_connections_are_503_and_then_replaced(db: Database):
    async with db.connection() as killer, db.connection() as victim:
        await killer.raw.execute("select pg_terminate_backend($1)", victim.raw.get_server_pid())
        with pytest.raises(Problem) as caught:
            await victim.fetch(ONE)
        assert (caught.value.status, caught.value.kind) == (503, "outcome-unknown")
    for _ in range(4):
        assert await db.fetch_one(ONE) == 1


async def test_an_unopened_database_says_what_to_do(settings: Settings):
    with pytest.raises(RuntimeError, match="resources"):
        await Database(settings.database).fetch(ONE)


async def test_the_values_of_a_refused_row_stay_in_the_database(db: Database):
    await db.fetch_one(INSERT, 1)
    for insert in (db.fetch_one, db.fetch):
        with pytest.raises(asyncpg.UniqueViolationError) as caught:
            await insert(INSERT, 1)
        assert "(1)" not in "".join(traceback.format_exception(caught.value))
        assert caught.value.as_dict().items() >= {"constraint_name": "notes_pkey"}.items()


@pytest.mark.parametrize("error", [FileNotFoundError("x"), TimeoutError("x"), ConnectionResetError("x")])
async def test_an_error_of_the_block_itself_is_not_the_database_s(db: Database, error: Exception):
    async def work(connection: Connection) -> None:
        await connection.fetch_one(INSERT, 1)
        raise error

    with pytest.raises(type(error)) as caught:
        await db.in_transaction(work)
    assert to_problem(caught.value, {}) is None
    assert await db.fetch_one(COUNT) == 0


async def test_a_single_column_is_its_value_and_json_is_what_it_stands_for(db: Database):
    key = UUID(int=7)
    assert await db.fetch(Query("select $1::uuid", UUID, tuple[UUID]), key) == [key]
    assert await db.fetch_one(Query("select array['a', 'b']", list[str])) == ["a", "b"]
    for kind in ("json", "jsonb"):
        query = Query(f"select $1::{kind} as extra, null::{kind} as nothing", Extra, tuple[dict[str, Any]])
        row = await db.fetch_one(query, {"price": [1, "größe"]})
        assert msgspec.json.encode(row).decode() == '{"extra":{"price": [1, "größe"]},"nothing":null}'.replace(
            ": [1, ", ":[1," if kind == "json" else ": [1, "
        )
        assert await db.fetch_one(query, {"again": row.extra})


async def test_json_is_copied_as_well(db: Database):
    async with db.connection() as connection:
        await connection.raw.execute("create table extras (extra jsonb)")
        await connection.run(connection.raw.copy_records_to_table("extras", records=[({"a": 1},), (None,)]))
    extras = await db.fetch(Query("select extra from extras", msgspec.Raw))
    assert msgspec.json.encode(extras) == b'[{"a": 1},null]'


async def test_rows_are_read_many_at_a_time(db: Database):
    loop = asyncio.get_running_loop()
    sizes: list[int] = []
    paused: set[int] = set()

    async def write(chunk: bytes) -> None:
        loop.call_later(READ_PAUSE / 2, paused.add, len(sizes))
        assert not sizes or sizes[-1] >= SMALL_CHUNK or len(sizes) - 1 in paused, "read at once after a small chunk"
        sizes.append(len(chunk))

    async with db.transaction() as connection:
        await connection.copy_to("select repeat('a', 999) from generate_series(1, 10000)", write, 60)
    assert sum(sizes) == 10_000_000
