import asyncio
import hashlib
import json
import linecache
import os
import signal
import socket
import stat
import tempfile
import threading
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from service.kit.db.database import Connection
from service.kit.db.pool import Pool
from service.kit.db.sessions import DatabaseOptions
from service.kit.server import memory_profile
from service.kit.server.console import Console
from service.kit.server.cpu_profile import TICK
from service.kit.server.watchdog import WatchdogOptions
from service.kit.work import context
from structlog.testing import capture_logs


@pytest.fixture
def path() -> Generator[Path]:
    """A short path: that of a Unix socket may have some hundred bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "console")


def ask_console(path: Path, question: str):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(f"{question}\n".encode())
        return json.loads(client.makefile("rb").read())


def open_console(path: Path, blocked: tuple[object, ...] = ()) -> Console:
    return Console(asyncio.get_running_loop(), path, blocked)


async def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.01)


async def look_at(path: Path, work: Coroutine[Any, Any, object]) -> dict[str, Any]:
    """Return what the console tells of a task that waits."""
    waiting = asyncio.create_task(work, name="patient")
    await asyncio.sleep(0)  # it comes to wait
    with open_console(path):
        tasks = await asyncio.to_thread(ask_console, path, "tasks")
    waiting.cancel()
    (told,) = (task for task in tasks if task["name"] == "patient")
    return told


async def wait_forever() -> None:
    context.begin_work("r-1")
    await asyncio.Event().wait()


async def test_a_task_is_told_with_its_name_its_state_and_the_lines_that_it_waits_on(path: Path):
    told = await look_at(path, wait_forever())
    assert told["name"] == "patient"
    assert told["state"] == "waiting"
    assert told["coroutine"] == "wait_forever"
    assert told["request"] == "work without a request"
    assert told["age"] >= 0
    assert "test_console.py" in told["stack"][0]
    assert told["stack"][-1].endswith("Event.wait")


async def test_it_answers_while_the_loop_is_blocked(path: Path):
    answers: list[list[dict[str, object]]] = []
    with open_console(path):
        asking = threading.Thread(target=lambda: answers.append(ask_console(path, "tasks")))
        asking.start()
        deadline = time.monotonic() + 30
        while not answers and time.monotonic() < deadline:
            pass
    assert [task["state"] for task in answers[0]].count("running") == 1


async def test_nobody_else_may_ask_it_and_it_leaves_no_file(path: Path):
    with open_console(path, ({"seconds": 1},)):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert await asyncio.to_thread(ask_console, path, "blocked") == [{"seconds": 1}]
        assert "error" in await asyncio.to_thread(ask_console, path, "open sesame")
    await wait_until(lambda: not path.exists())


def test_it_is_off_unless_it_is_asked_for():
    assert WatchdogOptions().console is False


async def test_what_is_held_is_told_at_each_mark(path: Path):
    kept: list[bytes] = []
    with open_console(path):
        await asyncio.to_thread(ask_console, path, "memory start")
        await asyncio.to_thread(ask_console, path, "memory mark")
        kept += [bytes(1000 + number) for number in range(50)]
        await asyncio.to_thread(ask_console, path, "memory mark")
        held = await asyncio.to_thread(ask_console, path, "memory stop")
    grown = [place for place in held if place["objects"][1] - place["objects"][0] >= 50]
    assert any("test_console.py" in frame for place in grown for frame in place["stack"])
    assert max(place["bytes"][1] for place in grown) >= 50_000


async def sort_forever() -> None:
    while True:
        sorted(range(20_000))
        await asyncio.sleep(0)


async def test_a_sample_tells_how_long_tasks_ran_were_ready_and_waited(path: Path):
    waiting = asyncio.create_task(wait_forever())
    running = asyncio.create_task(sort_forever())
    with open_console(path):
        places = await asyncio.to_thread(ask_console, path, "sample")
    waiting.cancel()
    running.cancel()
    spent: defaultdict[tuple[str, str], float] = defaultdict(float)
    for state, coroutine, _, _, milliseconds in places:
        spent[state, coroutine] += milliseconds
    assert spent["waiting", "wait_forever"] >= 900
    assert spent["running", "sort_forever"] + spent["ready", "sort_forever"] >= 900
    assert spent["running", "sort_forever"] > 0
    assert spent["running", "wait_forever"] == 0


def count_up() -> None:
    for _ in range(1_000_000):
        pass


async def test_the_cpu_time_of_the_loop_is_told_by_stack_also_without_the_gil(path: Path):
    answers: list[list[tuple[list[str], int]]] = []
    hashed = counted = 0.0
    with open_console(path):
        asking = threading.Thread(target=lambda: answers.append(ask_console(path, "cpu")))
        asking.start()
        while asking.is_alive():
            began = time.thread_time()
            hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 200_000)
            then = time.thread_time()
            hashed += then - began
            count_up()  # without calls of the system, at which the kernel would rather stop the thread
            counted += time.thread_time() - then
    told: Counter[str] = Counter()
    for stack, count in answers[0]:
        told["all"] += count
        if "hashlib.pbkdf2_hmac" in find_source(stack[-1]):
            told["hash"] += count
    assert told["hash"] > 0
    assert abs(told["hash"] / told["all"] - hashed / (hashed + counted)) < 0.3, "a call in C counts in full"
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


async def test_the_cpu_time_of_other_threads_is_not_told_as_that_of_the_loop(path: Path):
    is_over = threading.Event()

    def count() -> None:
        while not is_over.is_set():
            pass

    other = threading.Thread(target=count)
    other.start()
    with open_console(path):
        began = time.thread_time()
        answer = await asyncio.to_thread(ask_console, path, "cpu")
        used = time.thread_time() - began
    is_over.set()
    other.join()
    assert sum(count for _, count in answer) * TICK <= used


async def test_a_console_that_ends_during_a_sample_leaves_no_timer_that_could_end_the_process(path: Path):
    with open_console(path) as console:
        asking = threading.Thread(target=ask_console, args=(path, "cpu"))
        asking.start()
        await wait_until(lambda: signal.getitimer(signal.ITIMER_PROF) != (0.0, 0.0))
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    asking.join()
    assert console.cpu.sample() == []
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


async def test_memory_is_traced_for_one_client_at_a_time(path: Path):
    with open_console(path):
        await asyncio.to_thread(ask_console, path, "memory start")
        refused = await asyncio.to_thread(ask_console, path, "memory start")
        await asyncio.to_thread(ask_console, path, "memory stop")
    assert refused == {"error": "its memory is being traced already: wait until that has ended"}
    assert not tracemalloc.is_tracing()


async def test_memory_is_no_longer_traced_when_the_client_is_gone(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory_profile, "MAX_SILENCE", 0.3)
    with open_console(path):
        await asyncio.to_thread(ask_console, path, "memory start")
        assert tracemalloc.is_tracing()
        await wait_until(lambda: not tracemalloc.is_tracing())
        assert await asyncio.to_thread(ask_console, path, "memory start") is None, "another one may"
        await asyncio.to_thread(ask_console, path, "memory stop")


async def test_an_answer_that_fails_does_not_end_the_console(path: Path):
    def fail() -> None:
        raise MemoryError("no room")

    with open_console(path) as console:
        console.answers["blocked"] = fail
        with capture_logs() as logs:
            answer = await asyncio.to_thread(ask_console, path, "blocked")
        assert answer == {"error": "MemoryError: no room; the log says more"}
        assert await asyncio.to_thread(ask_console, path, "tasks")
    assert [line["event"] for line in logs] == ["console: no answer"]


def find_source(frame: str) -> str:
    file, line = frame.partition(" ")[0].rsplit(":", 1)
    return linecache.getline(file, int(line))


async def read_rows() -> AsyncGenerator[int]:
    await asyncio.Event().wait()
    yield 1


async def read_first_row() -> int:
    return await anext(read_rows())


async def test_a_task_within_a_generator_is_told_with_the_line_in_it(path: Path):
    told = await look_at(path, read_first_row())
    assert [frame.partition(" ")[2] for frame in told["stack"]] == ["read_first_row", "read_rows", "Event.wait"]


async def test_a_task_that_waits_for_a_statement_is_told_with_its_name(path: Path):
    async def answer_late() -> None:
        await asyncio.Event().wait()

    connection = Connection.__new__(Connection)
    connection.pool = Pool(DatabaseOptions(url=SecretStr("postgresql://me@127.0.0.1:1/nothing")))
    connection.timeout = 60
    connection.durations = []
    told = await look_at(path, connection.run(answer_late(), "insert into kit.guesses values (1)"))
    assert any(frame.endswith("Connection.run INSERT kit.guesses") for frame in told["stack"])


async def test_a_stack_that_was_cut_says_so(path: Path):
    kept: list[bytes] = []

    def descend(depth: int) -> None:
        if depth:
            descend(depth - 1)
        else:
            kept.append(bytes(100_000))

    with open_console(path):
        await asyncio.to_thread(ask_console, path, "memory start")
        descend(40)
        await asyncio.to_thread(ask_console, path, "memory mark")
        held = await asyncio.to_thread(ask_console, path, "memory stop")
    assert held[0]["bytes"] >= [100_000]
    assert held[0]["stack"][0] == "further callers"
