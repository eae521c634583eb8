import asyncio
import random
import re
from collections.abc import Awaitable

import asyncpg
import pytest
from inside.db.test_connect import listen
from inside.pools import PID, SIZE, SLEEP, Make, borrow_all, settle
from pydantic import SecretStr
from service.kit.db import pool
from service.kit.db.database import Database
from service.kit.db.sessions import DatabaseOptions
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


STRANGER = "stranger_of_the_pool"


def refuse(url: str) -> str:
    """Return the same database for a role that there is not."""
    return re.sub("//([^@/]*@)?", f"//{STRANGER}@", url, count=1)


async def test_old_connections_stay_in_use_while_new_ones_are_refused(
    make: Make, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pool, "REPLACE_INTERVAL", 0)
    url = SecretStr(database_url)
    async with make(url=url, max_lifetime=0.01) as db:
        await borrow_all(db)
        await settle(db)
        old = {connection.get_server_pid() for connection in db.pool.connections}
        url._secret_value = refuse(database_url)
        for _ in range(10):
            await asyncio.sleep(0.01)
            await db.fetch_one(PID)
            await settle(db)
        assert await borrow_all(db) == old
        await settle(db)
        url._secret_value = database_url
        while old & {connection.get_server_pid() for connection in db.pool.connections}:
            await borrow_all(db)
            await settle(db)
        assert len(db.pool.connections) == SIZE


async def test_who_needs_another_connection_shares_an_open_one_while_new_ones_are_refused(
    make: Make, database_url: str
):
    url = SecretStr(database_url)
    async with make(url=url, acquire_timeout=5) as db:
        opened = await db.fetch_one(PID)
        url._secret_value = refuse(database_url)
        assert await asyncio.gather(*(db.fetch_one(PID) for _ in range(SIZE))) == [opened] * SIZE


async def test_a_refused_url_is_tried_once_in_an_interval_however_many_ask_and_opens_all_once_it_is_accepted(
    make: Make, db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pool, "REFUSED_INTERVAL", 60)
    tries = 0
    open_session = pool.open_session

    async def count_and_open(options: DatabaseOptions) -> asyncpg.Connection:
        nonlocal tries
        tries += 1
        return await open_session(options)

    monkeypatch.setattr(pool, "open_session", count_and_open)
    async with make(url=SecretStr(refuse(database_url)), acquire_timeout=0.3) as refused:
        assert (await find_problem(refused.fetch_one(PID))).detail == "The database cannot be reached."
        refused.pool.retry_at = 0  # as if the interval were over
        for refusal in [asyncio.create_task(refused.fetch_one(PID)) for _ in range(SIZE)]:
            await find_problem(refusal)
        assert tries == 2
        async with db.connection() as connection:
            await connection.raw.execute(f"create role {STRANGER} login")
        try:
            refused.pool.retry_at = 0
            assert len(await borrow_all(refused)) == SIZE
        finally:
            await refused.pool.close()
            async with db.connection() as connection:
                await connection.raw.execute(f"drop role {STRANGER}")


async def test_a_request_that_has_little_time_left_learns_that_the_url_is_refused(make: Make, database_url: str):
    async with make(url=SecretStr(refuse(database_url)), acquire_timeout=5) as db:
        context.begin_work(seconds=0.5)
        assert (await find_problem(db.fetch_one(PID))).detail == "The database cannot be reached."
