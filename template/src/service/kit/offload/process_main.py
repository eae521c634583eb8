# kit: updated by the template; extend it from app.py
"""A process that computes for a worker: it takes calls on its standard input and puts their outcomes on its output.

It is a program of its own and no fork of the worker, with which it shares no connection, no lock and no memory.
"""

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from importlib import import_module
from typing import BinaryIO

NICENESS = 10
"""How far computing stands back for the worker where processors are scarce: a tenth of its share of one."""


def main() -> None:
    """Compute until the worker closes the input, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the worker decides
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a call prints belongs among the logs
    sys.path[:], modules = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the worker
    for module in modules:
        import_module(module)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(sys.stdin.buffer, calls), daemon=True).start()
    while True:
        outcomes.write(run(calls.get()))
        outcomes.flush()


def receive(source: BinaryIO, calls: queue.SimpleQueue[bytes]) -> None:
    """Take calls in, beside the computing: so the end of the worker ends a long computation too."""
    try:
        while True:
            calls.put(pickle.load(source))  # noqa: S301 - from the worker
    finally:
        os._exit(0)


def run(call: bytes) -> bytes:
    """Return the outcome of a call, packed: whether it succeeded, its result or its exception, and the traceback."""
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - from the worker
        return pack(function(*args, **kwargs))
    except Exception as error:
        trace = traceback.format_exc()
        try:
            return pickle.dumps((False, pickle.dumps(error), trace))
        except Exception:
            return pickle.dumps((False, None, trace))


def pack(result: object) -> bytes:
    """Return a result as the outcome of its call."""
    try:
        packed = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise TypeError(f"the result cannot be sent to another process: {error}") from error
    return pickle.dumps((True, packed, ""), pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
