"""Work for tests of what runs beside the event loop. It stands in a module, so that a process finds it."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path


def square(number: int) -> int:
    return number * number


def say_who() -> tuple[int, int]:
    """Return the ids of this process and of the one that started it."""
    return os.getpid(), os.getppid()


def list_open_files() -> list[str]:
    """Return what each open file of this process is, but for the folder that is being read."""
    folder = Path("/proc/self/fd")
    return [os.readlink(path) for path in folder.iterdir() if path.exists()]


def die(mark: str) -> None:
    """Note which process runs this, and let the system kill it."""
    Path(mark).write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGKILL)


def compute(seconds: float) -> int:
    """Keep a processor busy for some time, and return a number."""
    number, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
    return number


def wait_for(path: str) -> str:
    """Return when a file is there."""
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def refuse(number: int) -> None:
    raise ValueError(f"{number} is not acceptable")


class LonelyError(Exception):
    """An exception that cannot be sent: it is made from two values and remembers one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def fail_alone() -> None:
    raise LonelyError("no ", "company")


class LockedError(Exception):
    """An exception that cannot be sent: it holds a lock."""

    def __init__(self) -> None:
        super().__init__("no key")
        self.lock = threading.Lock()


def fail_locked() -> None:
    raise LockedError


def make_function():
    """Return what cannot be sent."""
    return lambda: 1


def print_and_return(text: str) -> str:
    print(text)
    return text


def list_modules() -> list[str]:
    return list(sys.modules)


def time_out() -> None:
    raise TimeoutError("of my own")


async def until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds, which it has to within seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it comes about in another thread
            await asyncio.sleep(0.01)
