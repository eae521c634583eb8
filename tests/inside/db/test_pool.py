import asyncio
import random
from collections.abc import Awaitable

import pytest
from inside.db.test_connect import listen
from inside.pools import PID, SIZE, SLEEP, Make, borrow_all, settle
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.work import context
from service.kit.work.problems import Problem


async def find_problem(work: Awaitable[object]) -> Problem:
    with pytest.raises(Problem) as caught:
        await work
    assert caught.value.status == 503
    assert "retry-after" in caught.value.headers
    return caught.value


async def run_until_waiting(db: Database, count: int) -> list[asyncio.Task[int]]:
    """Start requests one after the other, each of which waits for a connection."""
    tasks = []
    for number in range(1, count + 1):
        tasks.append(asyncio.create_task(db.fetch_one(PID)))
        await asyncio.sleep(0)
        assert db.pool.slots.waiting == number
    return tasks


async def test_it_is_observable(db: Database):
    pool, slots = db.pool, db.pool.slots
    assert (len(pool.connections), len(pool.free), slots.running, slots.waiting) == (0, 0, 0, 0)
    async with db.connection():
        assert (len(pool.connections), len(pool.free), slots.running) == (1, 0, 1)
        async with db.connection():
            waiter = asyncio.create_task(db.fetch_one(PID))
            await asyncio.sleep(0.01)
            assert slots.waiting == 1
        await waiter
    assert (len(pool.connections), len(pool.free), slots.running, slots.waiting) == (2, 2, 0, 0)


async def test_who_finds_the_queue_full_is_refused_at_once(make: Make):
    async with make(pool_waiters=1, acquire_timeout=5) as db:
        async with db.connection(), db.connection():
            (waiter,) = await run_until_waiting(db, 1)
            problem = await find_problem(asyncio.wait_for(db.fetch_one(PID), 1))
            assert problem.detail == "Every database connection is in use."
        assert await waiter


async def test_without_a_queue_connections_are_opened_all_the_same(make: Make):
    async with make(pool_waiters=0) as db:
        assert len(await borrow_all(db)) == SIZE


async def test_who_waits_too_long_is_refused(db: Database):
    async with db.connection(), db.connection():
        problem = await find_problem(asyncio.wait_for(db.fetch_one(PID), 1))
    assert problem.detail == "Every database connection is in use."


async def test_the_wait_ends_with_the_request(make: Make):
    async with make(acquire_timeout=5) as db, db.connection(), db.connection():
        context.begin_work(seconds=0.1)
        await find_problem(asyncio.wait_for(db.fetch_one(PID), 1))


async def test_requests_are_served_in_the_order_in_which_they_came(make: Make):
    served: list[int] = []
    async with make(pool_size=1) as db:
        async with db.connection():
            tasks = await run_until_waiting(db, 5)
            for number, task in enumerate(tasks):
                task.add_done_callback(lambda _, number=number: served.append(number))
        await asyncio.gather(*tasks)
    assert served == sorted(served)


async def test_a_connection_handed_to_a_request_that_is_cancelled_just_then_is_not_lost(db: Database):
    async with db.connection():
        async with db.connection():
            (waiter,) = await run_until_waiting(db, 1)
        waiter.cancel()  # the connection is on its way, and the task has not run since
        with pytest.raises(asyncio.CancelledError):
            await waiter
        async with asyncio.timeout(0.4), db.connection():
            pass
    assert len(await borrow_all(db)) == SIZE


async def test_a_storm_of_cancellations_loses_no_connection(db: Database):
    draw = random.Random(1)

    async def give_up_sometime() -> None:
        async with asyncio.timeout(draw.random() * 0.02), db.connection() as connection:
            await connection.fetch_one(SLEEP, draw.random() * 0.01)

    for _ in range(8):
        await asyncio.gather(*(give_up_sometime() for _ in range(25)), return_exceptions=True)
    await settle(db)
    assert db.pool.slots.waiting == 0
    assert len(await borrow_all(db)) == len(db.pool.connections) == SIZE


async def test_a_connection_that_cannot_be_opened_is_told_to_one_and_the_next_tries_again(make: Make):
    nowhere = SecretStr("postgresql://me@127.0.0.1:1/name")
    async with make(url=nowhere, pool_size=1, acquire_timeout=5) as db, asyncio.timeout(2):
        for refusal in [asyncio.create_task(db.fetch_one(PID)) for _ in range(9)]:
            assert (await find_problem(refusal)).detail == "The database cannot be reached."
    assert db.pool.slots.running == 0


async def test_who_waits_for_a_slow_opening_is_refused_in_time(make: Make):
    async with listen(None) as port:
        silent = SecretStr(f"postgresql://me@127.0.0.1:{port}/name")
        async with make(url=silent, connect_timeout=0.6, acquire_timeout=0.1) as db:
            await find_problem(asyncio.wait_for(db.fetch_one(PID), 0.5))
            assert db.pool.slots.running == 1
            await settle(db)
            assert db.pool.slots.running == 0
