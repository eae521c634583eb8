# kit: updated by the template; extend it from app.py
"""Whether the event loop of a worker is blocked: a thread beside it names what blocks it, and it
leaves a heartbeat.

The loop ticks four times within the lag it may have, and the thread checks as often whether it did.
By the heartbeat the main process sees a worker that is stuck, and replaces it (supervision.py). A
call that holds the GIL stops the thread as well: the main process then asks for the stack by a
signal, whose handler needs no GIL. Time in which the whole process stands still, as under SIGSTOP
or a debugger, does not count.
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
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Self

import structlog
from pydantic import BaseModel, Field

from service.kit.server.console import Console
from service.kit.server.supervision import (
    CONSOLE_SOCKET,
    HEARTBEAT_FILE,
    RUNTIME_FOLDER_VARIABLE,
    STACK,
)
from service.kit.work import metrics
from service.kit.work.context import current
from service.kit.work.options import Seconds

log = structlog.get_logger()

LONGEST = 4.0
"""Four times the longest beat, in seconds, however much lag is allowed."""

SHOWN = 12
"""The innermost frames of a stack that are logged."""

KEPT = 500
"""The latest reports that the console tells."""


class WatchdogOptions(BaseModel, frozen=True):
    """WATCHDOG_*: how long the event loop of a worker may be blocked."""

    lag: Annotated[
        Seconds,
        Field(description="seconds the event loop may be blocked before the culprit is logged"),
    ] = 0.25
    stuck: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="seconds until a worker with a blocked loop is replaced; 0: never",
        ),
    ] = 10
    console: Annotated[
        bool, Field(description="let `service perf` of the same user ask a worker what it does")
    ] = False


class Watchdog:
    """Watches a loop while its block runs. `stood` is how long the loop stands still."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: WatchdogOptions) -> None:
        self.loop = loop
        self.options = options
        self.beat = min(options.lag, options.stuck or options.lag, LONGEST) / 4
        self.thread_id = threading.get_ident()
        self.reports: deque[dict[str, object]] = deque(maxlen=KEPT)
        self.ticks = 0
        self.seen = 0
        self.stood = 0.0
        self.due = 0.0
        self.over = threading.Event()
        self.files = ExitStack()
        self.heartbeat: int | None = None
        self.stack: int | None = None

    def __enter__(self) -> Self:
        if folder := os.environ.get(RUNTIME_FOLDER_VARIABLE):
            self.answer_main_process(Path(folder))
        self.due = time.monotonic()
        self.tick()
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.timer.cancel()
        self.files.close()

    def answer_main_process(self, folder: Path) -> None:
        """Leave a heartbeat, and write the stack when asked by SIGVTALRM: in C, which needs no
        GIL.
        """
        stack = self.files.enter_context((folder / STACK.format(pid=os.getpid())).open("w"))
        self.stack = stack.fileno()
        faulthandler.register(signal.SIGVTALRM, stack, all_threads=True)
        self.files.callback(faulthandler.unregister, signal.SIGVTALRM)
        path = folder / HEARTBEAT_FILE.format(pid=os.getpid())
        self.heartbeat = self.files.enter_context(path.open("w")).fileno()
        self.files.callback(path.unlink, missing_ok=True)
        if self.options.console:
            place = folder / CONSOLE_SOCKET.format(pid=os.getpid())
            self.files.enter_context(Console(self.loop, place, self.reports))

    def tick(self) -> None:
        """Note, in the loop, how late it is."""
        now = time.monotonic()
        metrics.get_metrics().loop_lag_seconds.observe(max(0.0, now - self.due))
        self.ticks += 1
        if self.heartbeat is not None:
            os.utime(self.heartbeat)
        self.due = now + self.beat
        self.timer = self.loop.call_later(self.beat, self.tick)

    def watch(self) -> None:
        looked, worked = time.monotonic(), time.process_time()
        while not self.over.wait(self.beat):
            passed, computed = time.monotonic() - looked, time.process_time() - worked
            looked, worked = looked + passed, worked + computed
            self.look(passed, computed)

    def look(self, passed: float, computed: float) -> None:
        """Judge the loop, given the seconds since the last look and the CPU time of the process in
        them.

        The thread may have been kept from looking by a call that holds the GIL, which takes CPU
        time. Suspension takes none, so no more than two beats of it count.
        """
        if self.ticks != self.seen:
            self.seen, self.stood = self.ticks, 0.0
            return
        before = self.stood
        self.stood += min(passed, max(computed, 2 * self.beat))
        if before < self.options.lag <= self.stood:
            self.report()

    def report(self) -> None:
        """Log what the loop is busy with, and for which request."""
        metrics.get_metrics().loop_blocked.inc()
        if self.stack is not None:
            os.utime(self.stack)  # so that the main process need not ask
        frame = sys._current_frames().get(self.thread_id)
        stack = traceback.extract_stack(frame)[-SHOWN:] if frame else []
        lines = "\n".join(
            f"{line.filename}:{line.lineno} {line.name}: {line.line}" for line in stack
        )
        report: dict[str, object] = {
            "seconds": round(self.stood, 3),
            **self.find_request(),
            "stack": lines,
        }
        self.reports.append(report)
        log.error("event loop blocked", **report)

    def find_request(self) -> dict[str, str]:
        """Return what is known of the request that the loop works on, if it does."""
        task = asyncio.current_task(self.loop)
        work = task.get_context().get(current) if task else None
        scope = work.scope if work else None
        if not task or not work or not scope:
            return {"task": task.get_name() if task else ""}
        route = scope.get("path_template", "")
        return {
            "method": scope["method"],
            "route": route,
            "path": scope["path"],
            "request_id": work.id,
        }
