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
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

import structlog

from service.kit.work.problems import busy

log = structlog.get_logger()

PROGRAM = f"from {__name__} import serve_calls; serve_calls()"

NICENESS = 10
"""On a busy core, computing gets about a tenth of the time that the worker gets. The first call
imports its module before that: on a full machine, it took longer than the 10 s of a request."""

THREADS = Path("/proc/self/task")

END_SECONDS = 1.0
"""Seconds that a process has to end once its input is closed, before it is killed."""


class ProcessError(Exception):
    """A call failed by an exception that cannot be pickled. The message is its traceback."""


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
        """Return what a function returns in a process. Raises a 503 problem if it dies."""
        packed = pack_call(function, args, kwargs)
        process = self.take_process()
        self.working.add(process)
        try:
            outcome = process.run(packed)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self.reap(process)
            raise busy("The process that computed this died before it was done.") from error
        finally:
            self.working.discard(process)
        self.idle.append(process)
        return unpack_outcome(outcome)

    def take_process(self) -> "Process":
        """Return an idle process that is alive, or a new one."""
        with suppress(IndexError):  # another thread may take the last one
            while True:
                process = self.idle.pop()
                if process.popen.poll() is None:
                    return process
                self.reap(process)
        return Process(self.imports)

    def reap(self, process: "Process") -> None:
        """Clean up after a process that died."""
        code = process.end()
        if not self.closing:
            log.error("computing process died", pid=process.popen.pid, exit_code=code)

    def end(self) -> None:
        """End all processes, also those that still compute."""
        self.closing = True
        while self.idle:
            self.idle.pop().end()
        for process in tuple(self.working):
            process.popen.kill()  # the thread that waits for it cleans up


class Process:
    """One process, and the pipes to and from it."""

    def __init__(self, imports: Sequence[str]) -> None:
        command = [sys.executable, "-c", PROGRAM]
        pipe = subprocess.PIPE
        self.popen = subprocess.Popen(command, stdin=pipe, stdout=pipe)  # noqa: S603 - our program
        self.calls = cast("IO[bytes]", self.popen.stdin)
        self.outcomes = cast("IO[bytes]", self.popen.stdout)
        pickle.dump((sys.path, imports), self.calls)

    def run(self, packed: bytes) -> bytes:
        """Return the outcome of a call, as `run_call` packs it."""
        pickle.dump(packed, self.calls, pickle.HIGHEST_PROTOCOL)
        self.calls.flush()
        outcome: bytes = pickle.load(self.outcomes)  # noqa: S301 - from our own process
        return outcome

    def end(self) -> int:
        """End the process, by force if it takes too long, and return its exit code."""
        with suppress(OSError):  # it is dead, and some input was not sent yet
            self.calls.close()
        try:
            self.popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
        self.outcomes.close()
        return self.popen.wait()


def pack_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> bytes:
    """Return a call as bytes. Raises TypeError for what cannot be pickled."""
    try:
        return pickle.dumps((function, args, kwargs), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        advice = "Pass a function from the top level of a module, and plain data."
        reason = f"this call cannot be sent to another process: {error}"
        raise TypeError(f"{reason}. {advice}") from error


def unpack_outcome(outcome: bytes) -> object:
    """Return the result in an outcome, or raise the exception in it."""
    try:
        succeeded, value, trace = pickle.loads(outcome)  # noqa: S301 - from our own process
    except Exception as error:
        raise ProcessError(f"the result of a call cannot be read here: {error}") from error
    if succeeded:
        return value
    value.add_note(trace)
    raise value


def serve_calls() -> None:
    """Read calls from stdin and write outcomes to stdout: the program of each process."""
    # Ctrl-C reaches all processes of a terminal; the worker decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a call prints goes to the log
    sys.path[:], modules = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the worker
    for module in modules:
        import_module(module)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=receive_calls, args=(sys.stdin.buffer, calls), daemon=True).start()
    while True:
        pickle.dump(run_call(calls.get()), outcomes, pickle.HIGHEST_PROTOCOL)
        outcomes.flush()


def receive_calls(source: IO[bytes], calls: queue.SimpleQueue[bytes]) -> None:
    """Read calls in a thread, so that the end of the worker also ends a long computation."""
    try:
        while True:
            calls.put(pickle.load(source))  # noqa: S301 - from the worker
    finally:
        os._exit(0)


@cache
def yield_to_requests() -> None:
    """Raise the niceness of all threads, once. Linux counts it for each, and numpy starts some."""
    if not THREADS.exists():
        os.nice(NICENESS)
        return
    for thread in THREADS.iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            niceness = os.getpriority(os.PRIO_PROCESS, int(thread.name))
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness + NICENESS)


def run_call(call: bytes) -> bytes:
    """Return the outcome of a call, pickled: (succeeded, result or exception, traceback)."""
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - from the worker; this imports
        yield_to_requests()
        return pickle.dumps((True, function(*args, **kwargs), ""), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        trace = traceback.format_exc()
        with suppress(Exception):
            packed = pickle.dumps((False, error, trace), pickle.HIGHEST_PROTOCOL)
            pickle.loads(packed)  # noqa: S301 - what cannot be read here cannot be read there
            return packed
        note = "The exception itself cannot be sent to another process."
        return pickle.dumps((False, ProcessError(trace), note))
