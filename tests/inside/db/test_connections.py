import asyncio

import asyncpg
import pytest
from inside.db.test_connect import listen
from inside.pools import PID, SIZE, SLEEP, Make, borrow_all, settle
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.work.problems import Problem


async def test_idle_connections_that_died_are_replaced_before_anybody_notices(db: Database, database_url: str):
    killed = await borrow_all(db)
    killer = await asyncpg.connect(database_url)
    await killer.fetch("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", list(killed))
    await killer.close()
    await asyncio.sleep(0.1)
    assert not killed & await borrow_all(db)
    assert len(db.pool.connections) == SIZE


async def test_a_connection_that_was_idle_for_long_is_closed(make: Make):
    async with make(idle_lifetime=0.1) as db:
        await borrow_all(db)
        await asyncio.sleep(0.2)
        await db.fetch_one(PID)
        await settle(db)
        assert len(db.pool.connections) == 1


async def test_a_connection_is_replaced_when_it_is_old(make: Make):
    async with make(pool_size=1, max_lifetime=0.2) as db:
        first = await db.fetch_one(PID)
        await asyncio.sleep(0.3)
        assert await db.fetch_one(PID) == first, "it is noticed when the connection is returned"
        assert await db.fetch_one(PID) != first
        assert len(db.pool.connections) == 1


async def test_closing_waits_for_what_is_borrowed_and_refuses_who_waits(make: Make):
    db = make(pool_size=1, acquire_timeout=5)
    async with db:
        slow = asyncio.create_task(db.fetch_one(SLEEP, 0.2))
        await asyncio.sleep(0.1)
        waiter = asyncio.create_task(db.fetch_one(PID))
        await asyncio.sleep(0.01)
    assert slow.done()
    assert await slow == 1
    with pytest.raises(Problem, match="stopping"):
        await waiter
    assert not db.pool.tasks


async def test_closing_ends_what_is_borrowed_for_too_long(make: Make):
    db = make(pool_size=1, acquire_timeout=0.1, lock_timeout=0.2, statement_timeout=0.3, command_timeout=0.4)
    held, closed = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with db.connection() as connection:
            held.set()
            await closed.wait()
            await connection.fetch_one(PID)

    async with asyncio.timeout(5):
        async with db:
            task = asyncio.create_task(hold())
            await held.wait()
        closed.set()
        with pytest.raises(Problem, match="connection to the database was lost"):
            await task


async def test_closing_does_not_wait_for_a_connection_that_never_opens(make: Make):
    async with listen(None) as port, asyncio.timeout(3):
        silent = SecretStr(f"postgresql://me@127.0.0.1:{port}/name")
        db = make(url=silent, connect_timeout=30, acquire_timeout=0.1)
        async with db:
            with pytest.raises(Problem):
                await db.fetch_one(PID)
            assert db.pool.slots.running == 1
        assert db.pool.slots.running == 0


async def test_it_can_be_opened_again(db: Database):
    await borrow_all(db)
    await db.__aexit__()
    async with db:
        assert len(await borrow_all(db)) == SIZE
