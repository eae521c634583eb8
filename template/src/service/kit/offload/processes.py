# kit: updated by the template; extend it from app.py
"""The computing processes of a worker: each runs one call at a time, and is kept for the next.

None is a fork of the worker: they share no connection, lock or memory.
"""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import IO, Any, cast

import structlog

from service.kit.work.problems import busy

log = structlog.get_logger()

PROGRAM = f"from {__name__} import serve; serve()"

NICENESS = 10
"""Computing gets about a tenth of the worker's share of a busy core."""

END_SECONDS = 1.0
"""How long a process may take to end once its input is closed; then it is killed."""


class ProcessError(Exception):
    """A call failed in its process by an exception that cannot be sent here. The message holds its
    traceback.
    """


class Processes:
    """Starts each process when it is first needed. The methods block: call them in threads."""

    def __init__(self, imports: Sequence[str] = ()) -> None:
        self.imports = tuple(imports)
        self.idle: list[Process] = []
        self.working: set[Process] = set()
        self.closing = False

    def call(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> object:
        """Return what a function returns in a process. Raises a 503 problem when that process
        dies.
        """
        try:
            packed = pickle.dumps((function, args, kwargs), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            advice = "Pass a function from the top level of a module, and plain data."
            raise TypeError(
                f"this call cannot be sent to another process: {error}. {advice}"
            ) from error
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
        return read(outcome)

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
        command = [sys.executable, "-c", PROGRAM]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
        self.calls = cast("IO[bytes]", self.popen.stdin)
        self.outcomes = cast("IO[bytes]", self.popen.stdout)
        pickle.dump((sys.path, imports), self.calls)

    def run(self, packed: bytes) -> bytes:
        """Return the outcome of a call, as `compute` packs it."""
        pickle.dump(packed, self.calls, pickle.HIGHEST_PROTOCOL)
        self.calls.flush()
        outcome: bytes = pickle.load(self.outcomes)  # noqa: S301 - from our own process
        return outcome

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


def read(outcome: bytes) -> object:
    """Return the result in an outcome, or raise the exception in it."""
    try:
        succeeded, value, trace = pickle.loads(outcome)  # noqa: S301 - from our own process
    except Exception as error:
        raise ProcessError(f"the result of a call cannot be read here: {error}") from error
    if succeeded:
        return value
    value.add_note(trace)
    raise value


def serve() -> None:
    """Read calls from the input, and write their outcomes to the output: what a computing process
    does.
    """
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all processes of a terminal; the worker decides
    os.nice(NICENESS)
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a call prints belongs in the log
    sys.path[:], modules = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the worker
    for module in modules:
        import_module(module)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(sys.stdin.buffer, calls), daemon=True).start()
    while True:
        pickle.dump(compute(calls.get()), outcomes, pickle.HIGHEST_PROTOCOL)
        outcomes.flush()


def receive(source: IO[bytes], calls: queue.SimpleQueue[bytes]) -> None:
    """Read calls beside the computing, so that the end of the worker also ends a long
    computation.
    """
    try:
        while True:
            calls.put(pickle.load(source))  # noqa: S301 - from the worker
    finally:
        os._exit(0)


def compute(call: bytes) -> bytes:
    """Return the outcome of a call, pickled: whether it succeeded, its result or exception, and its
    traceback.
    """
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - from the worker
        return pickle.dumps((True, function(*args, **kwargs), ""), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        trace = traceback.format_exc()
        with suppress(Exception):
            packed = pickle.dumps((False, error, trace), pickle.HIGHEST_PROTOCOL)
            pickle.loads(packed)  # noqa: S301 - what cannot be read here cannot be read there
            return packed
        return pickle.dumps(
            (False, ProcessError(trace), "The exception itself cannot be sent to another process.")
        )
