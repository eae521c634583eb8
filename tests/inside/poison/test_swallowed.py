"""A job that swallows its cancellation keeps no worker from going on, and is not lost."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from inside import postgres_server
from inside.jobs import queue
from inside.jobs.queue import (
    ask,
    began,
    check_effects,
    execute,
    find_child,
    is_logged,
    list_jobs,
    put,
    wait_until,
    work,
)
from inside.jobs.working import OVERDUE, SWALLOW, WRITE, Task
from inside.postgres_server import Server

pytestmark = pytest.mark.faults

SOON = {"JOBS_DRAIN_TIMEOUT": "0.5", "JOBS_KILL_TIMEOUT": "1.5"}
LEFT = """
select id, status::text, attempts, coalesce(headers, '{}') - 'request_id' = '{}', queue_manager_id is null
  from kit.pgqueuer
 order by id
"""


@pytest.fixture
def server() -> Generator[Server]:
    with postgres_server.run() as server:
        asyncio.run(queue.migrate(server.url))
        asyncio.run(queue.make_tables(server.url))
        yield server


async def is_done(url: str, effects: int) -> bool:
    return await ask(url, "select count(*) from effects") == effects


async def test_a_restart_of_the_database_does_not_stop_its_worker_for_good(server: Server, tmp_path: Path):
    (swallowed,) = await put(server.url, SWALLOW, Task(0))
    with work(server.url, tmp_path, **SOON):
        await wait_until(lambda: began(server.url, 1))
        await asyncio.to_thread(server.restart, "fast")
        await put(server.url, WRITE, *(Task(number) for number in range(5)))
        await wait_until(lambda: is_done(server.url, 5))
        await wait_until(lambda: began(server.url, 5 + 2))
    await check_effects(server.url, 5)
    rows = await execute(server.url, LEFT)
    assert [tuple(row) for row in rows] == [(swallowed, "queued", 0, True, True)]


async def test_a_worker_whose_queue_fails_while_a_job_runs_goes_on(url: str, tmp_path: Path):
    await put(url, SWALLOW, Task(0))
    with work(url, tmp_path, **SOON):
        await wait_until(lambda: began(url, 1))
        await execute(url, "alter table kit.pgqueuer rename column priority to renamed")
        stopped = "queue polling has stopped: ending the worker process"
        await wait_until(lambda: asyncio.to_thread(is_logged, tmp_path, stopped), 60)
        await execute(url, "alter table kit.pgqueuer rename column renamed to priority")
        await put(url, WRITE, Task(0))
        await wait_until(lambda: is_done(url, 1))


async def test_told_to_stop_it_ends_in_time_and_all_that_is_left_goes_back(url: str, tmp_path: Path):
    ids = await put(url, WRITE, Task(0, seconds=100), Task(1, seconds=100))
    ids += await put(url, SWALLOW, Task(0))
    with work(url, tmp_path, **SOON) as process:
        await wait_until(lambda: began(url, 3))
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0
    rows = await execute(url, LEFT)
    assert [tuple(row) for row in rows] == [(each, "queued", 0, True, True) for each in ids]


async def test_without_its_supervisor_it_ends_all_the_same(url: str, tmp_path: Path):
    await put(url, SWALLOW, Task(0))
    with work(url, tmp_path, **SOON) as process:
        await wait_until(lambda: began(url, 1))
        child = find_child(process)
        process.kill()
        await asyncio.to_thread(child.wait, 20)
    assert await ask(url, "select count(*) from kit.pgqueuer where status = 'queued'") == 1


async def test_one_that_runs_past_its_timeout_is_held_and_those_beside_it_are_not_blamed(url: str, tmp_path: Path):
    await put(url, WRITE, Task(0, seconds=100))
    await put(url, OVERDUE, Task(0))
    await put(url, WRITE, *(Task(number, seconds=0.1) for number in range(1, 20)))
    with work(url, tmp_path, **SOON):
        await wait_until(lambda: is_done(url, 19))
        await wait_until(lambda: is_held(url), 60)
    (held,) = (await list_jobs(url))["held"]
    assert (held["name"], held["error"], held["attempts"]) == ("tests.overdue", "WorkerDied", 2)
    assert await ask(url, "select max(attempt) from runs where name = 'write'") == 1
    assert await ask(url, "select array_agg(attempt order by since) from runs where name = 'swallow'") == [1, 2]


async def is_held(url: str) -> bool:
    return await queue.count_held(url) == 1
