import asyncio
from collections.abc import Iterator
from itertools import count

import pytest
from prometheus_client import REGISTRY
from service.kit.cache import Cache, CacheOptions
from service.kit.work import context
from service.kit.work.limits import time_left
from service.kit.work.problems import Problem

calls: list[str] = []
gate = asyncio.Event()
numbers: Iterator[int] = count()


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch):
    """Start each test with a closed gate and no calls."""
    calls.clear()
    monkeypatch.setitem(globals(), "gate", asyncio.Event())


async def compute(caller: str) -> str:
    """Return something that belongs to a caller, and another time something else."""
    calls.append(caller)
    await gate.wait()
    return f"{next(numbers)} of {caller}"


async def fail(caller: str) -> str:
    calls.append(caller)
    await gate.wait()
    raise ValueError(caller)


async def look_at_the_request(_: str) -> tuple[float, object]:
    work = context.current.get()
    return time_left(1000), work.scope if work else None


async def wait_for_calls(number: int) -> None:
    async with asyncio.timeout(5):
        while len(calls) < number:  # noqa: ASYNC110 - an event would be set by the code under test
            await asyncio.sleep(0)


def read(sample: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(sample, labels) or 0.0


async def test_fifty_waiters_get_one_computation():
    cache = Cache()
    waiters = [asyncio.create_task(cache.get(compute, "ada")) for _ in range(50)]
    await wait_for_calls(1)
    gate.set()
    values = await asyncio.gather(*waiters)
    assert (len(calls), len(set(values))) == (1, 1)


async def test_callers_do_not_share_values():
    cache = Cache()
    gate.set()
    for _ in range(2):
        assert (await cache.get(compute, "ada")).endswith("of ada")
        assert (await cache.get(compute, "grace")).endswith("of grace")
    assert calls == ["ada", "grace"]


async def test_equal_values_of_different_types_are_kept_apart():
    cache = Cache()

    assert [await cache.get(echo, given) for given in (1, True, 1.0)] == [1, True, 1.0]
    assert [type(await cache.get(echo, given)) for given in (1, True, 1.0)] == [int, bool, float]


async def echo(given: object) -> object:
    return given


async def test_a_waiter_that_leaves_does_not_disturb_the_others_even_if_it_came_first():
    cache = Cache()
    first, second = (asyncio.create_task(cache.get(compute, "ada")) for _ in range(2))
    await wait_for_calls(1)
    first.cancel()
    await asyncio.wait([first])
    gate.set()
    assert (await second).endswith("of ada")
    assert (first.cancelled(), len(calls)) == (True, 1)


async def test_when_nobody_waits_any_more_the_computation_ends_and_leaves_nothing():
    cache = Cache()
    waiter = asyncio.create_task(cache.get(compute, "ada"))
    await wait_for_calls(1)
    before = len(asyncio.all_tasks())
    waiter.cancel()
    await asyncio.wait([waiter])
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before - 2
    assert cache.values.cache_info().currsize == 0


async def test_an_error_goes_to_all_who_wait_and_is_not_kept():
    cache = Cache()
    waiters = [asyncio.create_task(cache.get(fail, "ada")) for _ in range(3)]
    await wait_for_calls(1)
    gate.set()
    assert [str(error) for error in await asyncio.gather(*waiters, return_exceptions=True)] == ["ada"] * 3
    with pytest.raises(ValueError, match="ada"):
        await cache.get(fail, "ada")
    assert len(calls) == 2


async def test_a_value_is_kept_for_its_time_and_no_longer(monkeypatch: pytest.MonkeyPatch):
    loop = asyncio.get_running_loop()
    now, ahead = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: now() + ahead)
    cache = Cache(CacheOptions(seconds=600))
    gate.set()
    first = await cache.get(compute, "ada")
    ahead = 590
    await asyncio.sleep(0.001)
    assert await cache.get(compute, "ada") == first
    ahead = 601
    await asyncio.sleep(0.001)
    assert await cache.get(compute, "ada") != first
    assert cache.values.cache_info().currsize == 1


async def test_without_seconds_nothing_is_kept_and_waiters_still_share():
    cache = Cache(CacheOptions(seconds=0))
    waiters = [asyncio.create_task(cache.get(compute, "ada")) for _ in range(3)]
    await wait_for_calls(1)
    gate.set()
    first = set(await asyncio.gather(*waiters))
    await asyncio.sleep(0.001)
    assert len(first) == 1
    assert await cache.get(compute, "ada") not in first


async def test_the_least_used_value_makes_room():
    cache = Cache(CacheOptions(entries=2))
    gate.set()
    for caller in ("ada", "grace", "ada", "barbara", "ada"):
        await cache.get(compute, caller)
    assert calls == ["ada", "grace", "barbara"]
    await cache.get(compute, "grace")
    assert calls[-1] == "grace"
    assert cache.values.cache_info().currsize == 2


async def test_hits_misses_and_the_size_are_counted():
    cache = Cache()
    before = [read("cache_reads_total", outcome=outcome) for outcome in ("hit", "miss")]
    gate.set()
    for caller in ("ada", "grace", "ada"):
        await cache.get(compute, caller)
    after = [read("cache_reads_total", outcome=outcome) for outcome in ("hit", "miss")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 2]
    assert read("cache_entries") == 2


async def test_a_computation_sees_neither_the_request_nor_its_deadline():
    scope = {"type": "http"}
    context.current.set(context.Work("first", 0.0, scope))
    seconds, seen = await Cache().get(look_at_the_request, "ada")
    assert 9 < seconds <= 10
    assert seen is None


async def test_a_computation_has_a_deadline_of_its_own():
    cache = Cache(CacheOptions(timeout=0.01))
    with pytest.raises(Problem) as caught:
        await cache.get(compute, "ada")
    assert (caught.value.status, caught.value.kind) == (504, "timeout")
    assert cache.values.cache_info().currsize == 0


async def test_a_function_that_could_hold_what_is_no_part_of_the_key_is_refused():
    caller = "ada"

    async def hold() -> str:
        return caller

    with pytest.raises(TypeError, match="pass what it needs as arguments"):
        await Cache().get(hold)
