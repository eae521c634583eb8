# kit: updated by the template; extend it from app.py
"""Tells what the tasks of an event loop do: where each is, for how long, and of which request."""

import asyncio
import gc
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from service.kit.db.database import Connection
from service.kit.db.durations import name_statement
from service.kit.work.context import Work, current

SAMPLE_SECONDS = 1.0
"""Seconds that a sample takes."""

SAMPLE_INTERVAL = 0.01
MAX_SAMPLE_SHARE = 0.1
"""The share of the time that a sample may use, however many tasks there are."""

SWITCH_INTERVAL = 0.0002
"""Seconds after which the loop gives way to a sample: with the usual 5 ms, it would mostly be idle
again."""


class TaskProfile:
    """Looks at the tasks of a loop, from another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.first_seen: WeakKeyDictionary[asyncio.Task[Any], float] = WeakKeyDictionary()

    def scan(self) -> None:
        """Note when each task was first seen."""
        now = time.monotonic()
        for task in asyncio.all_tasks(self.loop):
            self.first_seen.setdefault(task, now)

    def list_tasks(self) -> list[dict[str, object]]:
        return [self.describe(task) for task in asyncio.all_tasks(self.loop)]

    def describe(self, task: asyncio.Task[Any]) -> dict[str, object]:
        """Return what is known of a task: its age in seconds, the lines that it waits on."""
        now = time.monotonic()
        age = round(now - self.first_seen.get(task, now), 3)
        return {"name": task.get_name(), "age": age, **self.locate(task)}

    def locate(self, task: asyncio.Task[Any]) -> dict[str, object]:
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

    def sample(self) -> list[tuple[object, ...]]:
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
                self.scan()
                for task in asyncio.all_tasks(self.loop):
                    spent[*self.locate(task).values()] += (now - then) * 1000
                pause = max(SAMPLE_INTERVAL, (time.monotonic() - now) / MAX_SAMPLE_SHARE)
                then = now
        finally:
            sys.setswitchinterval(interval)
        return [(*place, round(milliseconds, 3)) for place, milliseconds in spent.items()]


def find_request(task: asyncio.Task[Any]) -> str:
    """Return the request in which a task began, as "GET /v1/orders/{id}".

    Of a request that was answered and logged, only its id is kept.
    """
    work = task.get_context().get(current)
    if work is None:
        return ""
    if type(work) is Work:
        return "work without a request"
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
