# kit: updated by the template; extend it from app.py
"""The console of a worker: a thread that reports what the worker does, over a Unix socket.

It answers even while the event loop is blocked. A request is one line: `tasks`, `blocked`,
`memory start`, `memory mark` or `memory stop`; the answer is JSON. Only the user of the service
may connect. `service perf` is the client.
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

SCAN_SECONDS = 1.0
"""Seconds between two looks at the tasks, and so the precision of their ages."""

MAX_FRAMES = 16
"""Frames that are kept of the stack of an allocation. Each costs memory and time."""

MAX_STACKS = 2000
CLIENT_TIMEOUT = 5.0
"""Seconds that a client may take to ask, and to read."""


class Console:
    """Answers while its block runs. When idle, it costs one look at the tasks each second."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: Path, blocked: Collection[object]
    ) -> None:
        self.loop = loop
        self.path = path
        self.first_seen: WeakKeyDictionary[asyncio.Task[Any], float] = WeakKeyDictionary()
        self.marks: list[dict[tuple[str, ...], tracemalloc.Statistic]] = []
        self.is_over = threading.Event()
        self.answers: dict[str, Callable[[], object]] = {
            "tasks": self.list_tasks,
            "blocked": lambda: [*blocked],
            "memory start": self.start_tracing,
            "memory mark": self.mark_memory,
            "memory stop": self.stop_tracing,
        }

    def __enter__(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))  # in a folder that is closed to other users already
        self.path.chmod(0o600)
        self.listener.listen()
        self.listener.settimeout(SCAN_SECONDS)
        threading.Thread(target=self.serve, name="console", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.is_over.set()

    def serve(self) -> None:
        with self.listener:
            while not self.is_over.is_set():
                try:
                    client, _ = self.listener.accept()
                except TimeoutError:
                    self.scan_tasks()
                    continue
                try:
                    with client:
                        client.settimeout(CLIENT_TIMEOUT)
                        self.answer(client)
                except OSError as error:
                    log.warning("console: a client went away", error=str(error))
        self.path.unlink(missing_ok=True)

    def answer(self, client: socket.socket) -> None:
        question = client.makefile("rb").readline(100).decode(errors="replace").strip()
        self.scan_tasks()
        find_answer = self.answers.get(question)
        answer: object = {"error": f"ask one of {[*self.answers]}"}
        if find_answer:
            try:
                answer = find_answer()
            except RuntimeError as error:  # tasks kept coming while they were listed
                answer = {"error": f"{error}: ask again"}
        client.sendall(msgspec.json.encode(answer))

    def scan_tasks(self) -> None:
        """Note when each task was first seen."""
        now = time.monotonic()
        for task in asyncio.all_tasks(self.loop):
            self.first_seen.setdefault(task, now)

    def list_tasks(self) -> list[dict[str, object]]:
        return [self.describe_task(task) for task in asyncio.all_tasks(self.loop)]

    def describe_task(self, task: asyncio.Task[Any]) -> dict[str, object]:
        """Return what is known of a task: its age in seconds, the lines that it waits on."""
        now = time.monotonic()
        is_running = task is asyncio.current_task(self.loop)
        return {
            "name": task.get_name(),
            "coroutine": getattr(task.get_coro(), "__qualname__", ""),
            "request": find_request(task),
            "age": round(now - self.first_seen.get(task, now), 1),
            "state": "running" if is_running else "waiting",
            "stack": [*list_awaits(task.get_coro())],
        }

    def start_tracing(self) -> None:
        """Trace allocations from now on. Code that allocates becomes several times slower."""
        self.marks = []
        tracemalloc.start(MAX_FRAMES)

    def mark_memory(self) -> None:
        """Note what was allocated since the start and is still held, by stack."""
        gc.collect()
        ours = tracemalloc.Filter(False, __file__, all_frames=True)
        snapshot = tracemalloc.take_snapshot().filter_traces([ours])
        mark = {}
        for statistic in snapshot.statistics("traceback"):
            stack = tuple(f"{frame.filename}:{frame.lineno}" for frame in statistic.traceback)
            mark[stack] = statistic
        self.marks.append(mark)

    def stop_tracing(self) -> list[dict[str, object]]:
        """Return what is held at each mark, by stack, the largest at the last mark first."""
        tracemalloc.stop()
        marks = self.marks
        self.marks = []
        if not marks:
            return []
        found: list[dict[str, object]] = []
        for stack in [*marks[-1]][:MAX_STACKS]:  # in order: tracemalloc sorts by size
            held = [mark.get(stack) for mark in marks]
            sizes = [it.size if it else 0 for it in held]
            counts = [it.count if it else 0 for it in held]
            found.append({"stack": stack, "bytes": sizes, "objects": counts})
        return found


def find_request(task: asyncio.Task[Any]) -> str:
    """Return the request in which a task began, as "GET /v1/orders/{id}".

    Of a request that was answered and logged, only its id is kept.
    """
    work = task.get_context().get(current)
    if work is None:
        return ""
    scope = work.scope
    if not scope:
        return "an answered request"
    return f"{scope['method']} {scope.get('path_template') or scope['path']}"


def list_awaits(work: Any) -> Iterator[str]:
    """Yield the current lines of a coroutine and of those that it awaits, the outermost first."""
    while work is not None:
        frame = get_first(work, "cr_frame", "gi_frame", "ag_frame")
        if frame:
            yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
        work = get_first(work, "cr_await", "gi_yieldfrom", "ag_await")


def get_first(value: object, *names: str) -> Any:
    """Return the first of these attributes that a value has, or None."""
    for name in names:
        if hasattr(value, name):
            return getattr(value, name)
    return None
