import asyncio
import time

import pytest
from service.kit.server.watchdog import Watchdog, WatchdogOptions
from service.kit.work import metrics

OPTIONS = WatchdogOptions(lag=0.04, stuck=0)


def make_watchdog(options: WatchdogOptions = OPTIONS) -> Watchdog:
    return Watchdog(asyncio.get_running_loop(), options)


async def test_a_loop_that_ticks_is_not_blocked():
    watchdog = make_watchdog()
    for _ in range(100):
        watchdog.ticks += 1
        await asyncio.to_thread(watchdog.check_loop, 0.03, 0.03)
    assert len(watchdog.reports) == 0


async def test_a_loop_that_stands_still_is_reported_once_and_again_the_next_time():
    watchdog = make_watchdog()
    for _ in range(2):
        for _ in range(100):
            await asyncio.to_thread(watchdog.check_loop, 0.01, 0)
        watchdog.ticks += 1
        await asyncio.to_thread(watchdog.check_loop, 0.01, 0)
    assert len(watchdog.reports) == 2


async def test_a_suspended_process_is_not_a_blocked_one_and_a_call_that_holds_the_gil_is():
    watchdog = make_watchdog()
    await asyncio.to_thread(watchdog.check_loop, 3600, 0)
    assert len(watchdog.reports) == 0
    watchdog = make_watchdog()
    await asyncio.to_thread(watchdog.check_loop, 0.5, 0.5)
    assert len(watchdog.reports) == 1


async def test_a_heart_beats_long_before_it_is_missed_however_much_lag_is_allowed():
    for options in (WatchdogOptions(lag=3600), WatchdogOptions(lag=3600, stuck=2), WatchdogOptions()):
        assert make_watchdog(options).tick_interval <= options.stuck / 4


async def test_how_late_the_loop_is_can_be_seen_by_prometheus():
    def count() -> float:
        (family,) = metrics.get_metrics().loop_lag_seconds.collect()
        return next(sample.value for sample in family.samples if sample.name.endswith("_count"))

    before = count()
    with make_watchdog():
        await asyncio.sleep(0.1)
    seen = count()
    assert seen > before
    await asyncio.sleep(0.05)
    assert count() == seen


async def test_a_blocked_loop_is_named_with_the_line_that_blocks_it(capsys: pytest.CaptureFixture[str]):
    with make_watchdog() as watchdog:
        time.sleep(0.5)  # noqa: ASYNC251 - the fault
    assert len(watchdog.reports) == 1
    assert "time.sleep(0.5)" in capsys.readouterr().out
