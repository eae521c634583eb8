"""Workers are told to stop: they finish what they can, and lose nothing."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from inside.jobs.queue import (
    ask,
    began,
    check_effects,
    count_picked,
    execute,
    find_child,
    is_empty,
    is_logged,
    put,
    wait_until,
    work,
)
from inside.jobs.working import BLOCK, WRITE, Task
from inside.logged import find_lines, read_log

from tests.kit.processes import ROOT, find_port

pytestmark = pytest.mark.faults


async def test_a_process_whose_supervisor_is_killed_finishes_and_ends(url: str, tmp_path: Path):
    await put(url, WRITE, Task(0, seconds=1))
    with work(url, tmp_path) as process:
        await wait_until(lambda: began(url, 1))
        child = find_child(process)
        process.kill()
        await asyncio.to_thread(child.wait, 20)
    assert await check_effects(url, 1) == 0
    assert await is_empty(url)


async def test_told_to_stop_it_takes_no_more_and_finishes_what_runs(url: str, tmp_path: Path):
    await put(url, WRITE, *(Task(number, seconds=1) for number in range(30)))
    with work(url, tmp_path) as process:
        await wait_until(lambda: began(url, 1))
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0
    assert await count_picked(url) == 0
    done = await ask(url, "select count(*) from effects")
    assert done == await ask(url, "select count(*) from runs")
    assert done + await ask(url, "select count(*) from kit.pgqueuer where status = 'queued'") == 30


async def test_it_is_live_while_it_finishes_what_runs(url: str, tmp_path: Path):
    lines = ["import service.kit.server.supervision as it", "it.MAX_SILENCE = 1.5"]
    (tmp_path / "sitecustomize.py").write_text("\n".join(lines))
    port = find_port()
    settings = {"METRICS_PORT": str(port), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    await put(url, WRITE, Task(0, seconds=4))
    statuses = []
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        with work(url, tmp_path, **settings) as process:
            await wait_until(lambda: began(url, 1))
            process.terminate()
            while process.poll() is None:
                with suppress(httpx2.TransportError):  # at its end
                    statuses.append((await client.get("/livez")).status_code)
                await asyncio.sleep(0.1)
    assert set(statuses) == {200}


async def test_what_does_not_finish_in_time_goes_back_to_the_queue_as_if_it_had_not_run(url: str, tmp_path: Path):
    ids = await put(url, WRITE, Task(0, seconds=100), Task(1, seconds=100))
    deadlines = {"JOBS_DRAIN_TIMEOUT": "0.5", "JOBS_KILL_TIMEOUT": "5"}
    with work(url, tmp_path, **deadlines) as process:
        await wait_until(lambda: began(url, 2))
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0
    rows = await execute(url, "select status::text, attempts, queue_manager_id from kit.pgqueuer")
    assert [tuple(row) for row in rows] == [("queued", 0, None)] * 2
    (left,) = find_lines(tmp_path, "jobs went back to the queue")
    assert left["ids"] == sorted(ids)
    assert not [line for line in read_log(tmp_path) if "Unhandled exception" in line["event"]]


async def test_a_process_that_cannot_stop_in_time_is_killed(url: str, tmp_path: Path):
    await put(url, BLOCK, Task(0, seconds=100))
    with work(url, tmp_path, JOBS_DRAIN_TIMEOUT="0.5", JOBS_KILL_TIMEOUT="1") as process:
        await wait_until(lambda: is_picked(url))
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0
    assert await is_picked(url), "nothing was left to give it back"


async def is_picked(url: str) -> bool:
    return await count_picked(url) == 1


async def test_told_twice_it_ends_at_once(url: str, tmp_path: Path):
    await put(url, WRITE, Task(0, seconds=100))
    with work(url, tmp_path) as process:
        await wait_until(lambda: began(url, 1))
        process.send_signal(signal.SIGINT)
        await wait_until(lambda: asyncio.to_thread(is_logged, tmp_path, "worker stops"))
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait, 5)
    assert is_logged(tmp_path, "second stop signal: ending at once")
