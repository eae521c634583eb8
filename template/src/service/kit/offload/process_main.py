# kit: updated by the template; extend it from app.py
"""The program of a computing process: it reads calls from its input and writes their outcomes to its output.

It is no fork of the worker: they share no connection, lock or memory.
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
"""Computing gets about a tenth of the worker's share of a busy core."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the worker decides
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a call prints belongs in the log
    sys.path[:], modules = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the worker
    for module in modules:
        import_module(module)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(sys.stdin.buffer, calls), daemon=True).start()
    while True:
        outcomes.write(run(calls.get()))
        outcomes.flush()


def receive(source: BinaryIO, calls: queue.SimpleQueue[bytes]) -> None:
    """Read calls beside the computing, so that the end of the worker also ends a long computation."""
    try:
        while True:
            calls.put(pickle.load(source))  # noqa: S301 - from the worker
    finally:
        os._exit(0)


def run(call: bytes) -> bytes:
    """Return the outcome of a call, pickled: whether it succeeded, its pickled result or exception, its traceback."""
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - from the worker
        succeeded, value, trace = True, function(*args, **kwargs), ""
    except Exception as error:
        succeeded, value, trace = False, error, traceback.format_exc()
    try:
        packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        unsent = TypeError(f"the result cannot be sent to another process: {error}")
        succeeded, packed = False, pickle.dumps(unsent) if succeeded else None
    return pickle.dumps((succeeded, packed, trace), pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
