import asyncio
from contextlib import suppress

import pytest
from inside.pools import PID, SIZE, SLEEP, Make, borrow_all
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.work import context
from service.kit.work.problems import Problem


async def test_a_statement_ends_with_the_request(db: Database):
    await borrow_all(db)
    context.begin_work(seconds=0.1)
    with pytest.raises(Problem, match="did not answer in time"):
        async with asyncio.timeout(1) as outer:
            await db.fetch_one(SLEEP, 3)
    assert not outer.expired()
    context.begin_work(seconds=5)
    assert len(await borrow_all(db)) == SIZE


async def test_a_cancelled_statement_is_stopped_and_its_connection_kept(db: Database):
    async with db.connection() as watcher:
        async with db.connection() as connection:
            pid = await connection.fetch_one(PID)
        task = asyncio.create_task(db.fetch_one(SLEEP, 4))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await db.fetch_one(PID) == pid
        state = Query("select state || query from pg_stat_activity where pid = $1", str, tuple[int])
        assert await watcher.fetch_one(state, pid) == f"idle{PID.sql}"


async def test_what_a_block_left_open_is_undone_before_the_next_gets_the_connection(make: Make):
    async with make(pool_size=1) as db:
        with suppress(asyncio.CancelledError):
            async with db.transaction() as connection:
                pid = await connection.fetch_one(PID)
                await connection.raw.execute("create table left_open ()")
                raise asyncio.CancelledError
        assert await db.fetch_one(PID) == pid
        async with db.transaction() as connection:
            assert await connection.raw.fetchval("select to_regclass('left_open')") is None


async def test_a_connection_cannot_be_used_after_its_block(db: Database):
    async with db.connection() as connection:
        assert await connection.fetch_one(PID)
    with pytest.raises(AttributeError):
        await connection.fetch_one(PID)
