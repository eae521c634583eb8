import asyncio
import ctypes
import os
import signal
import time
from multiprocessing.process import current_process
from pathlib import Path

import pytest
from service.kit.server.runtime_folder import HEARTBEAT_FILE, RUNTIME_FOLDER_VARIABLE
from service.kit.server.supervision import Supervision, WorkerState
from service.kit.server.watchdog import Watchdog, WatchdogOptions
from service.kit.work import metrics

OPTIONS = WatchdogOptions(lag=0.04, stuck=0)


GIL = ctypes.PyDLL(None)


def count_reports() -> float:
    """Return how often a blocked loop was reported in the log."""
    (family,) = metrics.get_metrics().loop_blocked.collect()
    return next(sample.value for sample in family.samples if sample.name.endswith("_total"))


def make_watchdog(options: WatchdogOptions = OPTIONS) -> Watchdog:
    return Watchdog(asyncio.get_running_loop(), options)


async def test_a_loop_that_ticks_is_not_blocked():
    watchdog = make_watchdog()
    before = count_reports()
    for _ in range(100):
        watchdog.ticks += 1
        await asyncio.to_thread(watchdog.check_loop, 0.03, 0.03)
    assert count_reports() == before


async def test_a_loop_that_stands_still_is_reported_once_and_again_the_next_time():
    watchdog = make_watchdog()
    before = count_reports()
    for _ in range(2):
        for _ in range(100):
            await asyncio.to_thread(watchdog.check_loop, 0.01, 0)
        watchdog.ticks += 1
        await asyncio.to_thread(watchdog.check_loop, 0.01, 0)
    assert count_reports() == before + 2


async def test_a_suspended_process_is_not_a_blocked_one_and_a_call_that_holds_the_gil_is():
    watchdog = make_watchdog()
    before = count_reports()
    await asyncio.to_thread(watchdog.check_loop, 3600, 0)
    assert count_reports() == before
    watchdog = make_watchdog()
    await asyncio.to_thread(watchdog.check_loop, 0.5, 0.5)
    assert count_reports() == before + 1


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
    before = count_reports()
    with make_watchdog():
        time.sleep(0.5)  # noqa: ASYNC251 - the fault
    assert count_reports() == before + 1
    assert "time.sleep(0.5)" in capsys.readouterr().out


async def test_the_console_tells_each_late_tick_in_full_with_the_line_of_a_call_that_holds_the_gil():
    options = WatchdogOptions(lag=0.04, stuck=0, console=True)
    with make_watchdog(options) as watchdog:
        for _ in range(3):
            await asyncio.sleep(0.1)
            GIL.usleep(250_000)
        await asyncio.sleep(0.1)
        time.sleep(0.25)  # noqa: ASYNC251 - the fault
        await asyncio.sleep(0.1)
    held = [stall for stall in watchdog.reports if "GIL.usleep(250_000)" in str(stall.get("stack"))]
    assert len(held) == 3
    assert all(float(stall["seconds"]) > 0.2 for stall in held), "the whole length"
    assert any("time.sleep(0.25)" in str(stall.get("stack")) for stall in watchdog.reports)


async def test_no_alarm_is_left_when_it_ends():
    with make_watchdog(WatchdogOptions(lag=0.04, stuck=0, console=True)):
        await asyncio.sleep(0.1)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.SIGALRM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_worker_that_takes_a_note_of_its_memory_counts_as_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(RUNTIME_FOLDER_VARIABLE, str(tmp_path))
    supervision = Supervision(tmp_path, WatchdogOptions(lag=60, stuck=600))
    state = WorkerState(0)

    def see_silence() -> float:
        for _ in range(2):
            supervision.check_heartbeat(state, current_process(), 30)
        return state.silent_for

    loop = asyncio.new_event_loop()
    with Watchdog(loop, OPTIONS) as watchdog:
        with watchdog.excuse():
            watchdog.tick()
            assert see_silence() == 0
        heartbeat = tmp_path / HEARTBEAT_FILE.format(pid=os.getpid())
        assert heartbeat.stat().st_mtime <= time.time()
        assert see_silence() == 30, "it is watched again"
        os.utime(heartbeat, (time.time() + 3600,) * 2)
        assert see_silence() == 30, "a clock that was set back excuses nobody"
    loop.close()
