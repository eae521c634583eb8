# kit: updated by the template; extend it from app.py
"""The watchdog of a worker: a thread that logs what blocks the event loop, and a heartbeat.

The loop ticks four times within the allowed lag, and the thread checks as often whether it has. The
main process replaces a worker without a heartbeat (supervision.py). A call that holds the GIL stops
the thread as well: the main process then asks for the stack by a signal, whose handler needs no
GIL. Time in which the whole process is suspended, by SIGSTOP or a debugger, does not count.

The console shows all times when a tick came late, each in full. Their lines come from an alarm that
each tick puts off: Python runs its handler in the loop's own thread, once a call in C returns.
"""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Self

import structlog
from pydantic import BaseModel, Field

from service.kit.server.console import Console
from service.kit.server.runtime_folder import (
    CONSOLE_SOCKET,
    HEARTBEAT_FILE,
    RUNTIME_FOLDER_VARIABLE,
    STACK_FILE,
)
from service.kit.work import metrics
from service.kit.work.context import current
from service.kit.work.options import Seconds

log = structlog.get_logger()

MAX_TICK_INTERVAL = 1.0
"""Seconds, however much lag is allowed: each tick is a heartbeat."""

EXCUSE_SECONDS = 120.0
"""The most that `Watchdog.excuse` grants."""

MAX_FRAMES = 12
"""The innermost frames of a stack that are logged."""

MAX_REPORTS = 500
"""The latest reports that the console shows."""


class WatchdogOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """WATCHDOG_*: how long the event loop of a worker may be blocked."""

    lag: Seconds = 0.25
    """seconds the event loop may be blocked before the culprit is logged"""
    stuck: Annotated[float, Field(ge=0, le=3600)] = 10
    """seconds until a worker with a blocked loop is replaced; 0: never"""
    console: bool = False
    """let `service perf` of the same user ask a worker what it does"""


class Watchdog:
    """Watches a loop while its block runs. `stalled_for` is how long the loop has not ticked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: WatchdogOptions) -> None:
        self.loop = loop
        self.options = options
        shortest = min(options.lag, options.stuck or options.lag)
        self.tick_interval = min(shortest / 4, MAX_TICK_INTERVAL)
        self.loop_thread = threading.get_ident()
        self.reports: deque[dict[str, object]] = deque(maxlen=MAX_REPORTS)
        self.caught: dict[str, object] = {}
        """What the loop was busy with at the alarm."""
        self.ticks = 0
        self.seen_ticks = 0
        self.stalled_for = 0.0
        self.is_over = threading.Event()
        self.is_excused = False
        self.resources = ExitStack()
        self.heartbeat: int | None = None
        self.stack: int | None = None
        """The descriptors of files in the runtime folder, where there is one."""

    def __enter__(self) -> Self:
        folder = os.environ.get(RUNTIME_FOLDER_VARIABLE)
        if folder:
            self.open_files(Path(folder))
        if self.options.console:
            self.set_alarm()
        self.next_tick_at = time.monotonic()
        self.cpu_at_tick = time.process_time()
        self.tick()
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.timer.cancel()
        self.resources.close()

    def open_files(self, folder: Path) -> None:
        """Begin a heartbeat, and write the stack at SIGVTALRM: in C, which needs no GIL."""
        pid = os.getpid()
        stack_path = folder / STACK_FILE.format(pid=pid)
        stack_file = self.resources.enter_context(stack_path.open("w"))
        self.stack = stack_file.fileno()
        faulthandler.register(signal.SIGVTALRM, stack_file, all_threads=True)
        self.resources.callback(faulthandler.unregister, signal.SIGVTALRM)

        heartbeat_path = folder / HEARTBEAT_FILE.format(pid=pid)
        self.heartbeat = self.resources.enter_context(heartbeat_path.open("w")).fileno()
        self.resources.callback(heartbeat_path.unlink, missing_ok=True)

        if self.options.console:
            socket_path = folder / CONSOLE_SOCKET.format(pid=pid)
            self.resources.enter_context(Console(self.loop, socket_path, self.reports, self.excuse))

    def set_alarm(self) -> None:
        """Have SIGALRM sent to the thread, where it interrupts no system call of the loop."""
        signal.signal(signal.SIGALRM, self.catch_stall)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        self.resources.callback(signal.pthread_sigmask, signal.SIG_UNBLOCK, [signal.SIGALRM])
        self.resources.callback(signal.setitimer, signal.ITIMER_REAL, 0)

    def catch_stall(self, _: int, frame: FrameType | None) -> None:
        """Note at the alarm what the loop is busy with."""
        with suppress(Exception):  # nothing may be raised in the middle of another function
            self.caught = self.describe_stall(frame)

    def tick(self) -> None:
        """Record, in the loop, how late it is, and touch the heartbeat."""
        now = time.monotonic()
        cpu_now = time.process_time()
        late = max(0.0, now - self.next_tick_at)
        metrics.get_metrics().loop_lag_seconds.observe(late)
        if late >= self.options.lag:
            spent = {"seconds": late, "cpu_seconds": cpu_now - self.cpu_at_tick}
            self.reports.append(self.caught | spent)
        self.caught = {}
        self.cpu_at_tick = cpu_now
        self.ticks += 1
        if self.heartbeat is not None and not self.is_excused:
            os.utime(self.heartbeat)
        self.next_tick_at = now + self.tick_interval
        if self.options.console:
            signal.setitimer(signal.ITIMER_REAL, self.tick_interval + self.options.lag)
        self.timer = self.loop.call_later(self.tick_interval, self.tick)

    @contextmanager
    def excuse(self) -> Generator[None]:
        """Count as alive for EXCUSE_SECONDS while a block runs that may hold the GIL for long."""
        if self.heartbeat is None:
            yield
            return
        self.is_excused = True
        until = time.time() + EXCUSE_SECONDS
        os.utime(self.heartbeat, (until, until))
        try:
            yield
        finally:
            self.is_excused = False
            os.utime(self.heartbeat)

    def watch(self) -> None:
        """Check the loop, in a thread, until the block is over."""
        if self.options.console:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        checked_at = time.monotonic()
        cpu_then = time.process_time()
        while not self.is_over.wait(self.tick_interval):
            now = time.monotonic()
            cpu_now = time.process_time()
            self.check_loop(now - checked_at, cpu_now - cpu_then)
            checked_at = now
            cpu_then = cpu_now

    def check_loop(self, passed: float, cpu_time: float) -> None:
        """Report the loop if it is blocked. Takes the seconds and CPU seconds since the last check.

        A call that holds the GIL may have kept the thread from checking, and takes CPU time.
        Suspension takes none, so no more than two intervals of it count.
        """
        if self.ticks != self.seen_ticks:
            self.seen_ticks = self.ticks
            self.stalled_for = 0.0
            return
        before = self.stalled_for
        self.stalled_for += min(passed, max(cpu_time, 2 * self.tick_interval))
        if before < self.options.lag <= self.stalled_for:
            self.report_blocked_loop()

    def report_blocked_loop(self) -> None:
        """Log what the loop is busy with, and for which request."""
        metrics.get_metrics().loop_blocked.inc()
        if self.stack is not None:
            os.utime(self.stack)  # so that the main process need not ask
        frame = sys._current_frames().get(self.loop_thread)
        stall = self.describe_stall(frame)
        log.error("event loop blocked", seconds=round(self.stalled_for, 3), **stall)

    def describe_stall(self, frame: FrameType | None) -> dict[str, object]:
        """Return what the loop works on, and the innermost lines of its stack."""
        frames = traceback.extract_stack(frame)[-MAX_FRAMES:] if frame else []
        lines = [f"{it.filename}:{it.lineno} {it.name}: {it.line}" for it in frames]
        return {**self.describe_current_work(), "stack": "\n".join(lines)}

    def describe_current_work(self) -> dict[str, str]:
        """Return the request that the loop works on, or else the name of its task."""
        task = asyncio.current_task(self.loop)
        if task is None:
            return {"task": ""}
        work = task.get_context().get(current)
        if work is None or not work.scope:
            return {"task": task.get_name()}
        return {
            "method": work.scope["method"],
            "route": work.scope.get("path_template", ""),
            "path": work.scope["path"],
            "request_id": work.id,
        }
