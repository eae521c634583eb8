import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from inside.pools import PID, SIZE, SLEEP, borrow_all, settle
from service.kit.db.database import Connection, Database
from service.kit.work import context
from service.kit.work.limits import TICK_INTERVAL
from service.kit.work.problems import Problem

LONG = 60.0
RUNNING = """
select count(*) from pg_stat_activity
 where query like '%pg_sleep%' and state = 'active' and datname = current_database() and pid <> pg_backend_pid()
"""

WAYS: list[Callable[[Connection], Awaitable[object]]] = [
    lambda connection: connection.fetch(SLEEP, LONG),
    lambda connection: connection.find(SLEEP, LONG),
    lambda connection: connection.run(connection.raw.execute(f"select pg_sleep({LONG})")),
    lambda connection: connection.copy_to(f"select pg_sleep({LONG})", drop, 0.1),  # an export has a time of its own
]


async def drop(_: bytes) -> None:
    pass


@pytest.mark.parametrize("wait", WAYS, ids=["fetch", "find", "run", "copy"])
async def test_a_statement_ends_with_the_time_of_its_request_and_postgresql_drops_it(
    db: Database, database_url: str, wait: Callable[[Connection], Awaitable[object]]
):
    await borrow_all(db)  # so that none has to be opened in that time
    context.begin_work(seconds=0.1)
    with pytest.raises(Problem, match="did not answer in time") as caught:
        async with db.connection() as connection:
            await wait(connection)
    assert (caught.value.status, caught.value.kind) == (504, "timeout")
    context.begin_work()
    await settle(db)
    assert len(await borrow_all(db)) == SIZE
    watcher = await asyncpg.connect(database_url)
    assert await watcher.fetchval(RUNNING) == 0
    await watcher.close()


async def test_whoever_else_cancels_a_statement_that_is_late_has_his_way(db: Database):
    await borrow_all(db)
    context.begin_work(seconds=0.05)
    task = asyncio.create_task(db.find(SLEEP, LONG))
    while not db.pool.deadlines.under_way:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    [statement] = db.pool.deadlines.under_way
    statement.expire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    context.begin_work()
    await settle(db)


async def test_a_statement_of_cancelled_work_that_cleans_up_can_be_late_as_well(db: Database):
    async def clean_up() -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            context.begin_work(seconds=0.05)
            await db.find(SLEEP, LONG)

    await borrow_all(db)
    task = asyncio.create_task(clean_up())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(Problem, match="did not answer in time"):
        await task
    await settle(db)


async def test_nothing_is_looked_at_while_nothing_is_under_way(db: Database):
    await db.fetch_one(PID)
    assert db.pool.deadlines.loop is not None
    await asyncio.sleep(3 * TICK_INTERVAL)
    assert (db.pool.deadlines.loop, db.pool.deadlines.under_way) == (None, set())
