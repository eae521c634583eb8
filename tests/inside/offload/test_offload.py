import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from inside import offloaded
from prometheus_client import REGISTRY
from service.kit.offload.offload import Offload, OffloadOptions
from service.kit.work import context
from service.kit.work.problems import Problem

number = contextvars.ContextVar("number", default=0)


@pytest_asyncio.fixture
async def offload() -> AsyncGenerator[Offload]:
    async with Offload(OffloadOptions(processes=2, drain_timeout=0.2)) as opened:
        yield opened


def count_abandoned() -> float:
    return REGISTRY.get_sample_value("offload_calls_abandoned_total", {"pool": "thread"}) or 0


async def test_a_call_runs_in_a_thread_with_the_context_of_its_caller(offload: Offload):
    number.set(7)
    assert await offload.in_thread(number.get) == 7
    assert await offload.in_thread(threading.get_ident) != threading.get_ident()
    assert await offload.in_thread(int, "ff", base=16) == 255


async def test_an_exception_reaches_the_caller_and_frees_the_place(offload: Offload):
    for run in (offload.in_thread, offload.in_process):
        with pytest.raises(ValueError, match="3 is not acceptable"):
            await run(offloaded.refuse, 3)
    assert (offload.threads.running, offload.processes.running) == (0, 0)


async def test_only_so_many_calls_run_and_wait_and_all_others_are_refused_at_once():
    async with Offload(OffloadOptions(threads=2, thread_waiters=3, thread_wait=10)) as offload:
        release = threading.Event()
        calls = [asyncio.create_task(offload.in_thread(release.wait)) for _ in range(9)]
        await asyncio.sleep(0.05)
        refused = [call for call in calls if call.done()]
        assert (offload.threads.running, offload.threads.waiting) == (2, 3)
        release.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [result.status for result in results if isinstance(result, Problem)] == [503] * 4
    assert len(refused) == 4
    assert results.count(True) == 5


async def test_passwords_are_hashed_within_a_bound_of_their_own():
    async with Offload(OffloadOptions(threads=1, thread_waiters=1, hashes=2)) as offload:
        release = threading.Event()
        hashes = [asyncio.create_task(offload.hash_in_thread(release.wait)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert (offload.hashes.running, offload.hashes.waiting) == (2, 1)
        assert await offload.in_thread(int) == 0
        release.set()
        results = await asyncio.gather(*hashes, return_exceptions=True)
    assert results.count(True) == 3


async def test_a_call_waits_for_its_place_no_longer_than_it_may():
    async with Offload(OffloadOptions(threads=1, thread_wait=0.05)) as offload:
        release = threading.Event()
        running = asyncio.create_task(offload.in_thread(release.wait))
        await asyncio.sleep(0)
        began = time.monotonic()
        with pytest.raises(Problem, match="503 busy"):
            await offload.in_thread(int)
        assert time.monotonic() - began < 3
        assert offload.threads.waiting == 0
        release.set()
        assert await running


async def test_a_request_is_released_at_its_deadline_and_the_place_when_the_call_has_ended():
    async with Offload(OffloadOptions(threads=1, thread_wait=0.05)) as offload:
        release = threading.Event()
        context.begin_work(seconds=0.05)
        before = count_abandoned()
        with pytest.raises(Problem, match="504 timeout"):
            await offload.in_thread(release.wait, 5)
        assert (offload.threads.running, count_abandoned() - before) == (1, 1)
        context.begin_work()
        with pytest.raises(Problem, match="503 busy"):
            await offload.in_thread(int)
        release.set()
        await offloaded.until(lambda: not offload.threads.running)
        assert await offload.in_thread(int) == 0


async def test_a_call_whose_task_is_cancelled_keeps_its_place_and_is_counted(offload: Offload):
    release, before = threading.Event(), count_abandoned()
    task = asyncio.create_task(offload.in_thread(release.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (offload.threads.running, count_abandoned() - before) == (1, 1)
    release.set()


async def test_a_time_out_of_the_call_itself_is_not_taken_for_the_deadline(offload: Offload):
    before = count_abandoned()
    with pytest.raises(TimeoutError, match="of my own"):
        await offload.in_thread(offloaded.time_out)
    assert count_abandoned() == before


async def test_closing_waits_for_what_runs():
    async with Offload() as offload:
        call = asyncio.create_task(offload.in_thread(time.sleep, 0.2))
        await asyncio.sleep(0)
    assert call.done()
    with pytest.raises(RuntimeError, match=r"list it among the resources in app\.py"):
        await offload.in_thread(int)
