import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import pytest
import pytest_asyncio
from inside import pools
from service.kit.db import database, errors
from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.work import context
from service.kit.work.problems import Problem
from service.settings import Settings

READ = Query("select balance from balances where id = $1", int, tuple[int])
CHANGE = Query("update balances set balance = balance + 1 where id = $1 returning balance", int, tuple[int])
TOTAL = Query("select sum(balance)::int from balances", int)


@pytest_asyncio.fixture
async def db(settings: Settings) -> AsyncGenerator[Database]:
    async with pools.make(settings.database, pool_size=4, acquire_timeout=2, lock_timeout=3) as db:
        async with db.connection() as connection:
            await connection.raw.execute("create table balances (id int primary key, balance int not null)")
            await connection.raw.execute("insert into balances values (1, 0), (2, 0)")
        yield db


async def test_a_serialization_failure_runs_the_whole_work_again(db: Database):
    seen: list[int] = []

    async def work(connection: Connection) -> int:
        seen.append(await connection.fetch_one(READ, 1))
        if len(seen) == 1:
            await db.fetch_one(CHANGE, 1)  # somebody else is faster
        return await connection.fetch_one(CHANGE, 1)

    assert await db.in_transaction(work, "serializable") == 2
    assert seen == [0, 1]


async def test_a_deadlock_runs_the_loser_again(db: Database):
    tries: list[int] = []
    met = asyncio.Barrier(2)
    won = asyncio.Event()

    async def transfer(first: int, second: int) -> None:
        async def work(connection: Connection) -> None:
            tries.append(first)
            if len(tries) > 2:
                await won.wait()  # or the loser may be back at its row before the winner has noticed that it is free
            await connection.fetch_one(CHANGE, first)
            if len(tries) <= 2:
                await met.wait()
            await connection.fetch_one(CHANGE, second)

        await db.in_transaction(work)
        won.set()

    await asyncio.gather(transfer(1, 2), transfer(2, 1))
    assert await db.fetch_one(TOTAL) == 4
    assert len(tries) == 3


async def test_work_that_always_conflicts_is_tried_three_times_and_is_a_503(db: Database):
    tries = 0

    async def work(_: Connection) -> None:
        nonlocal tries
        tries += 1
        raise asyncpg.SerializationError("could not serialize access")

    with pytest.raises(Problem) as caught:
        await db.in_transaction(work)
    assert tries == database.MAX_ATTEMPTS == 3
    assert caught.value.status == 503
    assert "retry-after" in caught.value.headers


async def test_a_request_without_time_is_not_tried_again(db: Database):
    tries = 0

    async def work(_: Connection) -> None:
        nonlocal tries
        tries += 1
        context.begin_work(seconds=0)
        raise asyncpg.SerializationError("could not serialize access")

    with pytest.raises(Problem):
        await db.in_transaction(work)
    assert tries == 1


async def test_another_error_is_not_tried_again(db: Database):
    tries = 0

    async def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        await connection.raw.execute("insert into balances values (1, 0)")

    with pytest.raises(asyncpg.UniqueViolationError):
        await db.in_transaction(work)
    assert tries == 1


@pytest.mark.parametrize("noticed", [False, True])
async def test_a_connection_that_ends_at_the_commit_is_not_tried_again_and_leaves_the_outcome_open(
    db: Database, noticed: bool
):
    tries = 0

    async def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        await connection.fetch_one(CHANGE, 1)
        pid = connection.raw.get_server_pid()
        async with db.connection() as killer:
            await killer.raw.execute("select pg_terminate_backend($1)", pid)
        while noticed and not connection.raw.is_closed():  # noqa: ASYNC110 - asyncpg has no event for it
            await asyncio.sleep(0.01)

    with pytest.raises(Problem) as caught:
        await db.in_transaction(work)
    assert tries == 1
    assert (caught.value.status, caught.value.kind) == (503, "outcome-unknown")
    assert "retry-after" in caught.value.headers
    assert "check whether it took effect" in caught.value.detail


async def test_what_goes_with_begin_and_commit_is_part_of_the_transaction(db: Database):
    async with db.transaction(after_begin="insert into balances values (3, 30)") as connection:
        assert connection.raw.status == "INSERT 0 1"
        connection.before_commit = "insert into balances values (4, 4);"
    assert await db.fetch_one(TOTAL) == 34
    with pytest.raises(asyncpg.UniqueViolationError):
        async with db.transaction(after_begin="insert into balances values (5, 500)") as connection:
            connection.before_commit = "insert into balances values (1, 0);"
    assert await db.fetch_one(TOTAL) == 34


async def test_what_went_with_a_begin_and_a_commit_is_not_sent_again_on_that_connection(
    settings: Settings, db: Database
):
    async with pools.make(settings.database, pool_size=1) as one:
        async with one.transaction(after_begin="insert into balances values (3, 30)") as connection:
            connection.before_commit = "insert into balances values (4, 4);"
        async with one.connection() as connection, connection.raw.transaction():
            await connection.raw.execute("delete from balances")
    assert await db.fetch(TOTAL) == [None]


@pytest.mark.parametrize("error", [asyncpg.SerializationError("x"), asyncpg.DeadlockDetectedError("x")])
def test_a_conflict_outside_of_such_work_is_a_503(error: Exception):
    problem = errors.to_problem(error, {})
    assert problem is not None
    assert (problem.status, problem.kind) == (503, "busy")


@pytest.mark.parametrize("error", [TimeoutError(), asyncpg.ConnectionDoesNotExistError("x"), ConnectionResetError()])
async def test_a_client_is_not_told_that_nothing_changed_when_nobody_knows(db: Database, error: Exception):
    async def fail() -> None:
        raise error

    with pytest.raises(Problem, match="check whether it took effect"):
        async with db.connection() as connection:
            await connection.run(fail())
