# kit: updated by the template; extend it from app.py
"""What a worker is doing, told over a Unix socket by a thread, and so even while its event loop is
blocked.

A request is one line: `tasks`, `blocked`, or `memory start`, `memory mark` and `memory stop`; the
answer is JSON. Only the user of the service may connect. `service perf` is the client.
"""

import asyncio
import gc
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import structlog

from service.kit.work.context import current

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
"""How often tasks are looked at: their ages are known to so much."""

FRAMES = 16
"""How much of the stack of an allocation is kept. Each frame costs memory and time."""

MOST_PLACES = 2000
PATIENCE = 5.0
"""Seconds that a client may take to ask, and to read."""


class Console:
    """Answers while its block runs. Listening costs a look at the tasks each second, and nothing
    per request.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: Path, blocked: Collection[object]
    ) -> None:
        self.loop = loop
        self.path = path
        self.seen: WeakKeyDictionary[asyncio.Task[Any], float] = WeakKeyDictionary()
        self.marks: list[dict[tuple[str, ...], tuple[int, int]]] = []
        self.over = threading.Event()
        self.answers: dict[str, Callable[[], object]] = {
            "tasks": lambda: [self.describe(task) for task in asyncio.all_tasks(loop)],
            "blocked": lambda: [*blocked],
            "memory start": self.start_tracing,
            "memory mark": self.mark,
            "memory stop": self.stop_tracing,
        }

    def __enter__(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))  # in a folder that is closed to other users already
        self.path.chmod(0o600)
        self.listener.listen()
        self.listener.settimeout(SWEEP_SECONDS)
        threading.Thread(target=self.serve, name="console", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.over.set()

    def serve(self) -> None:
        with self.listener:
            while not self.over.is_set():
                try:
                    client, _ = self.listener.accept()
                except TimeoutError:
                    self.sweep()
                    continue
                try:
                    with client:
                        client.settimeout(PATIENCE)
                        self.answer(client)
                except OSError as error:
                    log.warning("console: a client went away", error=str(error))
        self.path.unlink(missing_ok=True)

    def answer(self, client: socket.socket) -> None:
        asked = client.makefile("rb").readline(100).decode(errors="replace").strip()
        self.sweep()
        try:
            told = (
                self.answers[asked]()
                if asked in self.answers
                else {"error": f"ask one of {[*self.answers]}"}
            )
        except RuntimeError as error:  # tasks kept coming while they were listed
            told = {"error": f"{error}: ask again"}
        client.sendall(msgspec.json.encode(told))

    def sweep(self) -> None:
        """Note when each task was first seen."""
        now = time.monotonic()
        for task in asyncio.all_tasks(self.loop):
            self.seen.setdefault(task, now)

    def describe(self, task: asyncio.Task[Any]) -> dict[str, object]:
        """Return a task's name, the request that it began in, its age, its state, and its stack of
        awaits.
        """
        return {
            "name": task.get_name(),
            "coroutine": getattr(task.get_coro(), "__qualname__", ""),
            "request": find_request(task),
            "age": round(time.monotonic() - self.seen.get(task, time.monotonic()), 1),
            "state": "running" if task is asyncio.current_task(self.loop) else "waiting",
            "stack": [*list_awaits(task.get_coro())],
        }

    def start_tracing(self) -> None:
        """Trace allocations from now on. It makes all that allocates several times slower."""
        self.marks = []
        tracemalloc.start(FRAMES)

    def mark(self) -> None:
        """Note what has been allocated since the start and is still held, by stack: its bytes and
        its objects.
        """
        gc.collect()
        found = tracemalloc.take_snapshot().statistics("traceback")
        self.marks.append(
            {
                tuple(f"{frame.filename}:{frame.lineno}" for frame in place.traceback): (
                    place.size,
                    place.count,
                )
                for place in found
                if all(frame.filename != __file__ for frame in place.traceback)
            }
        )

    def stop_tracing(self) -> list[dict[str, object]]:
        """Return what is held, by stack, at each mark."""
        tracemalloc.stop()
        marks, self.marks = self.marks, []
        stacks = (
            sorted(marks[-1], key=lambda stack: -marks[-1][stack][0])[:MOST_PLACES] if marks else []
        )
        held = [[mark.get(stack, (0, 0)) for mark in marks] for stack in stacks]
        return [
            {
                "stack": stack,
                "bytes": [size for size, _ in them],
                "objects": [count for _, count in them],
            }
            for stack, them in zip(stacks, held, strict=True)
        ]


def find_request(task: asyncio.Task[Any]) -> str:
    """Return the request in which a task began; of one that was answered and logged, no more is
    kept than its id.
    """
    work = task.get_context().get(current)
    if work is None:
        return ""
    scope = work.scope
    return (
        f"{scope['method']} {scope.get('path_template') or scope['path']}"
        if scope
        else "an answered request"
    )


def list_awaits(work: Any) -> Iterator[str]:
    """Yield the lines on which a coroutine and those that it awaits stand, the outermost first."""
    while work is not None:
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(work, f"{kind}_frame")), None)
        if kind is None:
            return
        if frame := getattr(work, f"{kind}_frame"):
            yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
        work = getattr(work, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
