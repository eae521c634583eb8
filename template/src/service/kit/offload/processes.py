# kit: updated by the template; extend it from app.py
"""The computing processes of a worker: each runs one call at a time, and is kept for the next."""

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
"""How long a process may take to end once its input is closed; then it is killed."""


class ProcessError(Exception):
    """A call failed in its process by an exception that cannot be sent here. The message holds its traceback."""


class Processes:
    """Starts each process when it is first needed. The methods block: call them in threads."""

    def __init__(self, imports: Sequence[str] = ()) -> None:
        self.imports = tuple(imports)
        self.idle: list[Process] = []
        self.working: set[Process] = set()
        self.closing = False

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
            raise busy("The process that computed this died before it was done.") from error
        finally:
            self.working.discard(process)
        self.idle.append(process)
        return read(*outcome)

    def take(self) -> "Process":
        with suppress(IndexError):  # another thread may take the last one
            while process := self.idle.pop():
                if process.popen.poll() is None:
                    return process
                self.bury(process)
        return Process(self.imports)

    def bury(self, process: "Process") -> None:
        code = process.end()
        if not self.closing:
            log.error("computing process died", pid=process.popen.pid, exit_code=code)

    def end(self) -> None:
        """End all processes, those that still compute too."""
        self.closing = True
        while self.idle:
            self.idle.pop().end()
        for process in tuple(self.working):
            process.popen.kill()  # the thread that waits for it cleans up


class Process:
    """One process, and the pipes to and from it."""

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
        pickle.dump(message, self.calls, pickle.HIGHEST_PROTOCOL)
        self.calls.flush()

    def end(self) -> int:
        """End the process, by force if it takes too long, and return its exit code."""
        with suppress(OSError):  # what was not sent to a dead process
            self.calls.close()
        try:
            self.popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
        self.outcomes.close()
        return self.popen.wait()


def read(succeeded: bool, packed: bytes | None, trace: str) -> object:
    """Return the result in an outcome, or raise the exception in it."""
    if packed is None:
        raise ProcessError(trace)
    try:
        value = pickle.loads(packed)  # noqa: S301 - from our own process
    except Exception as error:
        raise ProcessError(f"the outcome of a call cannot be read here: {error}\n{trace}") from error
    if succeeded:
        return value
    value.add_note(trace)
    raise value
