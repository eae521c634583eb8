# kit: updated by the template; extend it from app.py
"""The processes that compute for a worker, as the worker sees them: each runs one call at a time, and is kept."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, cast

import structlog

from service.kit.edge import busy
from service.kit.offload import process_main

log = structlog.get_logger()

END_SECONDS = 1.0
"""How long a process may take to end once its input is closed, before it is killed."""


class ChildError(Exception):
    """A call failed in its process by an exception that cannot be sent here. The message holds its traceback."""


class Children:
    """The processes of one worker, started when they are first needed. Its methods block: they are called in threads.

    `started` counts the processes that were started, `died` those that ended on their own.
    """

    def __init__(self, imports: Sequence[str] = ()) -> None:
        self.imports = tuple(imports)
        self.idle: list[Child] = []
        self.working: set[Child] = set()
        self.killed: set[Child] = set()
        self.started = 0
        self.died = 0

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
        """Return what a function returns in a process. Raises a 503 problem when that process dies."""
        try:
            packed = pickle.dumps((function, args, kwargs), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            advice = "Pass a function from the top level of a module, and plain data."
            raise TypeError(f"this call cannot be sent to another process: {error}. {advice}") from error
        process = self.take()
        self.working.add(process)
        try:
            outcome = process.run(packed)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self.bury(process)
            raise busy("The process that computed this ended before it was done.") from error
        finally:
            self.working.discard(process)
        self.idle.append(process)
        return read(*outcome)

    def take(self) -> "Child":
        """Return a process that waits for work, or a new one."""
        while self.idle:
            process = self.idle.pop()
            if process.popen.poll() is None:
                return process
            self.bury(process)
        self.started += 1
        return Child(self.imports)

    def bury(self, process: "Child") -> None:
        """Clean up after a process that has ended."""
        code = process.end(END_SECONDS)
        if process not in self.killed:
            self.died += 1
            log.error("computing process died", pid=process.popen.pid, exit_code=code)

    def end(self) -> None:
        """End the processes, also those that still compute."""
        while self.idle:
            self.idle.pop().end(END_SECONDS)
        self.killed |= self.working
        for process in self.killed:
            process.popen.kill()  # the thread that waits for it cleans up


class Child:
    """One process."""

    def __init__(self, imports: Sequence[str]) -> None:
        command = [sys.executable, "-m", process_main.__name__]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
        self.calls = cast("IO[bytes]", self.popen.stdin)
        self.outcomes = cast("IO[bytes]", self.popen.stdout)
        self.send((sys.path, imports))

    def run(self, packed: bytes) -> tuple[bool, bytes | None, str]:
        """Return the outcome of a call, as `process_main.run` packs it."""
        self.send(packed)
        return pickle.load(self.outcomes)  # noqa: S301 - from our own process

    def send(self, message: object) -> None:
        """Write a message whole."""
        pickle.dump(message, self.calls, pickle.HIGHEST_PROTOCOL)
        self.calls.flush()

    def end(self, seconds: float) -> int:
        """End the process, by force if it takes longer than this, and return its exit code."""
        with suppress(OSError):  # what was not sent to a dead process
            self.calls.close()
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
        self.outcomes.close()
        return self.popen.wait()


def read(succeeded: bool, packed: bytes | None, trace: str) -> object:
    """Return the result in an outcome, or raise the exception in it."""
    if packed is None:
        raise ChildError(trace)
    try:
        value = pickle.loads(packed)  # noqa: S301 - from our own process
    except Exception as error:
        raise ChildError(f"what a call gave back cannot be read here: {error}\n{trace}") from error
    if succeeded:
        return value
    value.add_note(trace)
    raise value
