# kit: updated by the template; extend it from app.py
"""The console of a worker: a thread that reports what the worker does, over a Unix socket.

It answers even while the event loop is blocked. A request is one line: `tasks`, `sample`, `cpu`,
`blocked`, `memory start`, `memory mark` or `memory stop`; the answer is JSON. Only the user of the
service may connect. `service perf` is the client.
"""

import asyncio
import gc
import signal
import socket
import sys
import threading
import time
import traceback
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import structlog

from service.kit.db.database import Connection
from service.kit.db.durations import name_statement
from service.kit.work.context import current

log = structlog.get_logger()

SCAN_SECONDS = 0.1
"""Seconds between two looks at the tasks, and so the precision of their ages."""

SAMPLE_SECONDS = 1.0
"""Seconds that a sample takes."""

SAMPLE_INTERVAL = 0.01
MAX_SAMPLE_SHARE = 0.1
"""The share of the time that a sample may use, however many tasks there are."""

MIN_CPU_INTERVAL = 0.001

SWITCH_INTERVAL = 0.0002
"""Seconds after which the loop gives way to a sample: with the usual 5 ms, it would mostly be idle
again."""

MAX_FRAMES = 16
"""Frames that are kept of the stack of an allocation. Each costs memory and time."""

MAX_STACKS = 2000
CLIENT_TIMEOUT = 5.0
"""Seconds that a client may take to ask, and to read."""


class Console:
    """Answers while its block runs. When idle, it costs ten looks at the tasks each second."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: Path,
        blocked: Collection[object],
        excuse: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.loop = loop
        self.path = path
        self.excuse = excuse
        """Keeps the main process from replacing the worker while a block runs."""
        self.recorder: Any = None
        self.first_seen: WeakKeyDictionary[asyncio.Task[Any], float] = WeakKeyDictionary()
        self.stacks: Counter[tuple[str, ...]] = Counter()
        self.marks: list[dict[tuple[str, ...], tracemalloc.Statistic]] = []
        self.is_over = threading.Event()
        self.answers: dict[str, Callable[[], object]] = {
            "tasks": self.list_tasks,
            "sample": self.sample_tasks,
            "cpu": self.sample_cpu,
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
        signal.signal(signal.SIGPROF, self.count_stack)
        signal.siginterrupt(signal.SIGPROF, False)
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
        age = round(now - self.first_seen.get(task, now), 3)
        return {"name": task.get_name(), "age": age, **self.locate_task(task)}

    def locate_task(self, task: asyncio.Task[Any]) -> dict[str, object]:
        """Return where a task is. One that is ready waits for the event loop alone."""
        waiter = getattr(task, "_fut_waiter", None)
        state = "waiting"
        if task is asyncio.current_task(self.loop):
            state = "running"
        elif waiter is None or (isinstance(waiter, asyncio.Future) and waiter.done()):
            state = "ready"
        return {
            "state": state,
            "coroutine": getattr(task.get_coro(), "__qualname__", ""),
            "request": find_request(task),
            "stack": (*list_awaits(task.get_coro()),),
        }

    def sample_tasks(self) -> list[tuple[object, ...]]:
        """Return where tasks are in the next second, each place with its milliseconds of all tasks.

        A look that had to wait for the GIL counts for as long as it waited.
        """
        spent: defaultdict[tuple[object, ...], float] = defaultdict(float)
        then = began = time.monotonic()
        pause = SAMPLE_INTERVAL
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            while then < began + SAMPLE_SECONDS:
                time.sleep(pause)
                now = time.monotonic()
                self.scan_tasks()
                for task in asyncio.all_tasks(self.loop):
                    spent[*self.locate_task(task).values()] += (now - then) * 1000
                pause = max(SAMPLE_INTERVAL, (time.monotonic() - now) / MAX_SAMPLE_SHARE)
                then = now
        finally:
            sys.setswitchinterval(interval)
        return [(*place, round(milliseconds, 3)) for place, milliseconds in spent.items()]

    def sample_cpu(self) -> list[tuple[tuple[str, ...], int]]:
        """Return the stacks that the loop's thread had in the next second, each with its count.

        The kernel's clock looks at most every millisecond of CPU time, mostly every fourth. So it
        matters neither how busy the machine is, nor who holds the GIL.
        """
        self.stacks.clear()
        signal.setitimer(signal.ITIMER_PROF, MIN_CPU_INTERVAL, MIN_CPU_INTERVAL)
        time.sleep(SAMPLE_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return [*self.stacks.items()]

    def count_stack(self, _: int, frame: FrameType | None) -> None:
        """Count what the loop's thread is at. Runs in it, once a call in C returns."""
        with suppress(Exception):  # nothing may be raised in the middle of another function
            lines = [describe_frame(each) for each, _ in traceback.walk_stack(frame)]
            self.stacks[*reversed(lines)] += 1

    def start_tracing(self) -> str | None:
        """Trace allocations from now on. Code that allocates becomes several times slower.

        Where memray is installed, it records them in a file, whose path is returned.
        """
        self.marks = []
        if not find_spec("memray"):
            tracemalloc.start(MAX_FRAMES)
            return None
        path = self.path.with_name(f"allocations-{self.path.name}")
        path.unlink(missing_ok=True)
        self.recorder = import_module("memray").Tracker(path, trace_python_allocators=True)
        self.recorder.__enter__()
        return str(path)

    def mark_memory(self) -> None:
        """Note what was allocated since the start and is still held, by stack."""
        if not self.recorder:
            with self.excuse():
                self.take_mark()

    def take_mark(self) -> None:
        gc.collect()
        ours = tracemalloc.Filter(False, __file__, all_frames=True)
        snapshot = tracemalloc.take_snapshot().filter_traces([ours])
        mark = {}
        for statistic in snapshot.statistics("traceback"):
            frames = [f"{frame.filename}:{frame.lineno}" for frame in statistic.traceback]
            if len(frames) == MAX_FRAMES:
                frames.insert(0, "further callers")
            mark[tuple(frames)] = statistic
        self.marks.append(mark)

    def stop_tracing(self) -> list[dict[str, object]]:
        """Return what is held at each mark, by stack, the largest at the last mark first."""
        if self.recorder:
            gc.collect()
            self.recorder.__exit__(None, None, None)
            self.recorder = None
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
    """Yield the current lines of a coroutine and of those that it awaits, the outermost first.

    A line that waits for a statement has the statement's name as well.
    """
    while work is not None:
        frame = get_first(work, "cr_frame", "gi_frame", "ag_frame")
        if frame:
            line = describe_frame(frame)
            if frame.f_code is Connection.run.__code__ and frame.f_locals["sql"]:
                line += f" {name_statement(frame.f_locals['sql'])}"
            yield line
        work = get_first(work, "cr_await", "gi_yieldfrom", "ag_await")
        if type(work).__name__.startswith("async_generator_a"):  # a step of one
            work, *_ = gc.get_referents(work)


def describe_frame(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"


def get_first(value: object, *names: str) -> Any:
    """Return the first of these attributes that a value has, or None."""
    for name in names:
        if hasattr(value, name):
            return getattr(value, name)
    return None
