import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from pickle import PicklingError

import psutil
import pytest
import pytest_asyncio
from inside import imported_niceness, offloaded
from service.kit.offload.offload import Offload, OffloadOptions
from service.kit.offload.processes import NICENESS, ProcessError
from service.kit.work.problems import Problem

DIED = "computing process died"


@pytest_asyncio.fixture
async def offload() -> AsyncGenerator[Offload]:
    async with Offload(OffloadOptions(processes=2, drain_timeout=0.2)) as opened:
        yield opened


async def test_a_process_computes_and_is_kept_for_the_next_call(offload: Offload):
    first, parent = await offload.in_process(offloaded.say_who)
    second, _ = await offload.in_process(offloaded.say_who)
    assert (first, parent) == (second, os.getpid())
    assert await offload.in_process(offloaded.square, number=12) == 144
    assert len(offload.computing.idle) == 1


async def test_a_process_imports_as_fast_as_the_worker_and_yields_to_it_when_it_computes(offload: Offload):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    expected = min(own + NICENESS, 19)
    assert await offload.in_process(imported_niceness.list_niceness) == (own, {expected})
    assert await offload.in_process(imported_niceness.list_niceness) == (own, {expected})


async def test_a_process_has_none_of_the_files_of_the_worker(offload: Offload, tmp_path: Path):
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        inside = await offload.in_process(offloaded.list_open_files)
    assert str(tmp_path / "file") not in inside
    assert not [name for name in inside if name.startswith("socket:")]


async def test_what_a_process_prints_does_not_disturb_it(offload: Offload):
    assert await offload.in_process(offloaded.print_and_return, "text") == "text"


async def test_a_process_loads_its_modules_before_its_first_call():
    async with Offload(imports=["json.tool"]) as offload:
        assert "json.tool" in await offload.in_process(offloaded.list_modules)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda: 1, TypeError, r"this call cannot be sent .* Pass a function from the top level of a module"),
        (offloaded.make_function, (AttributeError, PicklingError), "local object"),
        (offloaded.fail_alone, ProcessError, "LonelyError: no company"),
        (offloaded.fail_locked, ProcessError, "LockedError: no key"),
    ],
    ids=["call", "result", "exception-to-read", "exception-to-send"],
)
async def test_what_cannot_be_sent_is_said_and_breaks_nothing(offload: Offload, function, error, message, capsys):
    with pytest.raises(error, match=message):
        await offload.in_process(function)
    assert await offload.in_process(offloaded.square, 2) == 4
    assert DIED not in capsys.readouterr().out


async def test_the_death_of_a_process_fails_its_own_call_and_no_other(offload: Offload, tmp_path: Path, capsys):
    mark, release = tmp_path / "mark", tmp_path / "release"
    other = asyncio.create_task(offload.in_process(offloaded.wait_for, str(release)))
    with pytest.raises(Problem) as raised:
        await offload.in_process(offloaded.die, str(mark))
    assert (raised.value.status, raised.value.headers) == (503, {"retry-after": "1"})
    assert await offload.in_process(offloaded.square, 3) == 9
    release.touch()
    assert await other == str(release)
    assert (len(offload.computing.idle), capsys.readouterr().out.count(DIED)) == (2, 1)
    assert not psutil.pid_exists(int(mark.read_text()))


async def test_a_process_that_died_between_two_calls_is_replaced_unnoticed(offload: Offload, capsys):
    process, _ = await offload.in_process(offloaded.say_who)
    os.kill(process, signal.SIGKILL)
    psutil.Process(process).wait(5) if psutil.pid_exists(process) else None
    assert await offload.in_process(offloaded.square, 3) == 9
    assert capsys.readouterr().out.count(DIED) == 1


async def test_closing_leaves_what_does_not_end_says_so_and_kills_processes(capsys: pytest.CaptureFixture[str]):
    release = threading.Event()
    began = time.monotonic()
    async with Offload(OffloadOptions(drain_timeout=0.1)) as offload:
        thread = asyncio.create_task(offload.in_thread(release.wait))
        process = asyncio.create_task(offload.in_process(offloaded.compute, 60))
        await offloaded.until(lambda: bool(offload.computing.working))
        (computing,) = offload.computing.working
    assert time.monotonic() - began < 10
    with pytest.raises(Problem, match="503"):
        await process
    assert computing.popen.poll() == -signal.SIGKILL
    release.set()
    assert await thread
    assert capsys.readouterr().out.count("calls left running") == 2
