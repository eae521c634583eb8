import asyncio
import json
import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from service.kit.server.console import Console
from service.kit.server.watchdog import WatchdogOptions
from service.kit.work import context


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


async def wait_forever() -> None:
    context.begin_work("r-1")
    await asyncio.Event().wait()


async def test_a_task_is_told_with_its_name_its_state_and_the_lines_that_it_waits_on(path: Path):
    waiting = asyncio.create_task(wait_forever(), name="patient")
    await asyncio.sleep(0)  # it comes to wait
    with open_console(path):
        tasks = await asyncio.to_thread(ask_console, path, "tasks")
    waiting.cancel()
    (told,) = (task for task in tasks if task["name"] == "patient")
    assert told["state"] == "waiting"
    assert told["coroutine"] == "wait_forever"
    assert told["request"] == "an answered request"
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
    deadline = time.monotonic() + 30
    while path.exists() and time.monotonic() < deadline:  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.05)
    assert not path.exists()  # noqa: ASYNC240


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
