"""Workers are killed, their database restarts, they are told to stop: every job runs, and takes effect once."""

import asyncio
import signal
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from inside import postgres_server
from inside.jobs import queue
from inside.jobs.queue import (
    ask,
    began,
    check_effects,
    count_held,
    count_picked,
    find_child,
    is_empty,
    is_logged,
    list_jobs,
    put,
    wait_until,
    work,
)
from inside.jobs.working import BLOCK, DIE, DOOMED, EXIT, WRITE, Task
from inside.logged import find_lines
from inside.postgres_server import Server
from service.kit.db.database import Database
from service.kit.jobs.queue import enqueue

from tests.kit.processes import find_port

pytestmark = pytest.mark.faults


async def test_all_jobs_of_a_killed_process_run_again_at_once_and_take_effect_once(url: str, tmp_path: Path):
    await put(url, WRITE, *(Task(number, seconds=0.3) for number in range(80)))
    with work(url, tmp_path, JOBS_CONCURRENCY="40", JOBS_HEARTBEAT="600") as process:
        await wait_until(lambda: began(url, 60))
        find_child(process).kill()
        await wait_until(lambda: is_empty(url))
    assert await check_effects(url, 80) > 0, "nothing was killed in its run"
    (ended,) = find_lines(tmp_path, "worker process ended")
    assert ended["exit_code"] == -signal.SIGKILL


async def test_jobs_of_a_lost_machine_are_taken_over_by_another_worker(url: str, tmp_path: Path):
    await put(url, WRITE, *(Task(number, seconds=1) for number in range(10)))
    with work(url, tmp_path / "one") as process:
        await wait_until(lambda: began(url, 10))
        child = find_child(process)
        process.kill()
        child.kill()
    assert await count_picked(url) == 10
    with work(url, tmp_path / "two"):
        await wait_until(lambda: is_empty(url))
    assert await check_effects(url, 10) == 10


async def test_a_job_that_takes_its_whole_worker_along_is_held_after_its_attempts(url: str, tmp_path: Path):
    await put(url, DOOMED, Task(0, seconds=100))
    for attempt in (1, 2):
        with work(url, tmp_path, JOBS_HEARTBEAT="1") as process:
            await wait_until(lambda attempt=attempt: began(url, attempt))
            child = find_child(process)
            process.kill()
            child.kill()
    with work(url, tmp_path, JOBS_HEARTBEAT="1"):
        await wait_until(lambda: count_held_is_one(url))
        (held,) = (await list_jobs(url))["held"]
        assert (held["error"], held["name"]) == ("WorkerDied", "tests.doomed")
        assert not await began(url, 3)
        queue.run("jobs", "retry", "--all", url=url)
        await wait_until(lambda: began(url, 3))


async def test_a_job_that_kills_its_worker_is_held_and_those_beside_it_run(url: str, tmp_path: Path):
    await put(url, DIE, Task(0))
    with work(url, tmp_path):
        await wait_until(lambda: count_held_is_one(url))
        await put(url, WRITE, Task(0))
        await wait_until(lambda: took_effect(url))
    assert await ask(url, "select array_agg(attempt order by attempt) from runs where name = 'die'") == [1, 2]
    (held,) = (await list_jobs(url))["held"]
    assert (held["error"], held["name"]) == ("WorkerDied", "tests.die")


async def test_a_job_that_kills_its_worker_is_found_and_those_beside_it_keep_their_attempts(url: str, tmp_path: Path):
    beside = [Task(number, seconds=2) for number in range(3)], [Task(number, seconds=2) for number in range(3, 6)]
    await put(url, WRITE, *beside[0])
    await put(url, EXIT, Task(0, seconds=0.5))
    await put(url, WRITE, *beside[1])
    with work(url, tmp_path):
        await wait_until(lambda: count_held_is_one(url), 60)
        await wait_until(lambda: is_done(url, 6), 60)
    await check_effects(url, 6)
    assert await ask(url, "select max(attempt) from runs where name = 'write'") == 1
    (held,) = (await list_jobs(url))["held"]
    assert (held["error"], held["name"], held["attempts"]) == ("WorkerDied", "tests.exit", 3)
    deaths = await ask(url, "select array_agg(attempt order by since) from runs where name = 'exit'")
    assert deaths == [1, 1, 2], "it is held for two deaths of its own, after one that it shared"


async def is_done(url: str, effects: int) -> bool:
    return await ask(url, "select count(*) from effects") == effects


async def count_held_is_one(url: str) -> bool:
    return await count_held(url) == 1


async def test_a_job_that_blocks_the_event_loop_is_named_and_its_worker_replaced(url: str, tmp_path: Path):
    await put(url, BLOCK, Task(0, seconds=60))
    with work(url, tmp_path, WATCHDOG_LAG="0.2", WATCHDOG_STUCK="1"):
        await wait_until(lambda: count_held_is_one(url))
    blocked = find_lines(tmp_path, "event loop blocked")
    assert blocked[0]["task"].startswith("tests.block ")
    assert "time.sleep(task.seconds)" in blocked[0]["stack"]


async def took_effect(url: str) -> bool:
    return await ask(url, "select count(*) from effects") == 1


@pytest.fixture
def server() -> Generator[Server]:
    with postgres_server.run() as server:
        asyncio.run(queue.migrate(server.url))
        asyncio.run(queue.make_tables(server.url))
        yield server


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_every_job_runs_through_a_restart_of_the_database(server: Server, mode: str, tmp_path: Path):
    await put(server.url, WRITE, *(Task(number, seconds=0.2) for number in range(100)))
    with work(server.url, tmp_path) as process:
        await wait_until(lambda: began(server.url, 25))
        child = find_child(process)
        await asyncio.to_thread(server.restart, mode)
        await wait_until(lambda: is_empty(server.url))
        assert find_child(process) != child
    await check_effects(server.url, 100)


async def test_a_worker_waits_for_a_database_that_is_away(server: Server, tmp_path: Path):
    await put(server.url, WRITE, Task(0))
    await asyncio.to_thread(server.stop)
    port = find_port()
    with work(server.url, tmp_path, METRICS_PORT=str(port)) as process:
        await wait_until(lambda: asyncio.to_thread(is_logged, tmp_path, "worker process ended"))
        assert process.poll() is None
        assert await asyncio.to_thread(probe, port, "/livez") == 200, "Kubernetes would restart it, which helps nobody"
        assert await asyncio.to_thread(probe, port, "/readyz") == 503
        await asyncio.to_thread(server.restart)
        await wait_until(lambda: is_empty(server.url))
        assert await asyncio.to_thread(probe, port, "/readyz") == 200
    await check_effects(server.url, 1)


def probe(port: int, path: str) -> int:
    """Return the status of a probe of a worker."""
    return httpx2.get(f"http://127.0.0.1:{port}{path}").status_code


async def test_a_rolled_back_job_never_runs_whatever_happens_to_the_worker(url: str, tmp_path: Path):
    async with queue.open_database(url) as db:
        with work(url, tmp_path) as process:
            await wait_until(lambda: asyncio.to_thread(is_logged, tmp_path, "worker started"))
            for number in range(40):
                await put_or_undo(db, number)
                if number == 20:
                    find_child(process).kill()
            await wait_until(lambda: is_empty(url))
    assert await ask(url, "select array_agg(distinct number order by number) from runs") == list(range(0, 40, 2))


async def put_or_undo(db: Database, number: int) -> None:
    """Commit the even numbers, and roll back the odd ones."""
    with suppress(ZeroDivisionError):
        async with db.transaction() as connection:
            await enqueue(connection, WRITE, Task(number))
            if number % 2:
                raise ZeroDivisionError
