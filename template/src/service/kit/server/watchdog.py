# kit: updated by the template; extend it from app.py
"""A thread beside the event loop: it measures how late the loop is, names what blocks it, and ends a stuck worker.

The loop ticks four times within the lag that it may have, and the thread looks as often whether it did. Time in which
the whole process stands still, as under SIGSTOP or a debugger, is not counted: then the thread stands still as well.
"""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from typing import Annotated, Self

import structlog
from pydantic import BaseModel, Field

from service.kit.edge import Seconds, context, limits, metrics

log = structlog.get_logger()

LONGEST = 4.0
"""Four times the longest beat, in seconds, however much lag is allowed: each beat puts the end by `guard` off."""

SHOWN = 12
"""The innermost frames of a stack that are logged."""


class WatchdogOptions(BaseModel, frozen=True):
    """WATCHDOG_*: how long the event loop of a worker may be blocked."""

    lag: Annotated[Seconds, Field(description="seconds the event loop may be blocked before the culprit is logged")] = (
        0.25
    )
    stuck: Annotated[
        float, Field(ge=0, le=3600, description="seconds until a blocked worker is replaced; 0: never")
    ] = 10


class Watchdog:
    """Watches a loop while its block runs. `blocked` counts the reports, `stood` is for how long it stands still."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: WatchdogOptions) -> None:
        self.loop = loop
        self.options = options
        self.beat = min(options.lag, options.stuck or options.lag, LONGEST) / 4
        self.thread_id = threading.get_ident()
        self.blocked = 0
        self.ticks = 0
        self.seen = 0
        self.stood = 0.0
        self.due = 0.0
        self.over = threading.Event()
        self.limit = options.stuck * limits.count_cores()

    def __enter__(self) -> Self:
        if self.options.stuck and hasattr(signal, "SIGVTALRM"):
            faulthandler.register(signal.SIGVTALRM, chain=True)
        self.due = time.monotonic()
        self.tick()
        self.guard(self.limit)
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.timer.cancel()

    def tick(self) -> None:
        """Note, in the loop, how late it is."""
        now = time.monotonic()
        metrics.meters().lag.observe(max(0.0, now - self.due))
        self.ticks += 1
        self.due = now + self.beat
        self.timer = self.loop.call_later(self.beat, self.tick)

    def watch(self) -> None:
        """Look, beside the loop, whether it ticks."""
        looked, worked = time.monotonic(), time.process_time()
        try:
            while not self.over.wait(self.beat):
                self.guard(self.limit)
                passed, computed = time.monotonic() - looked, time.process_time() - worked
                looked, worked = looked + passed, worked + computed
                self.look(passed, computed)
        finally:
            self.guard(0)

    def look(self, passed: float, computed: float) -> None:
        """Judge the loop, given the seconds since the last look, and the processor time of the process in them.

        The thread may have been kept from looking by a call that holds the GIL, which takes processor time. Suspension
        takes none, so no more than two beats of it count.
        """
        if self.ticks != self.seen:
            self.seen, self.stood = self.ticks, 0.0
            return
        before = self.stood
        self.stood += min(passed, max(computed, 2 * self.beat))
        if before < self.options.lag <= self.stood:
            self.report("event loop blocked")
        if 0 < self.options.stuck <= self.stood:
            self.end()

    def report(self, event: str) -> None:
        """Log what the loop is busy with, and for which request."""
        self.blocked += 1
        metrics.meters().blocked.inc()
        frame = sys._current_frames().get(self.thread_id)
        stack = traceback.extract_stack(frame)[-SHOWN:] if frame else []
        lines = "\n".join(f"{line.filename}:{line.lineno} {line.name}: {line.line}" for line in stack)
        log.error(event, seconds=round(self.stood, 3), **self.find_request(), stack=lines)

    def find_request(self) -> dict[str, str]:
        """Return what is known of the request whose turn it is, if it is one's."""
        task = asyncio.current_task(self.loop)
        work = task.get_context().get(context.current) if task else None
        scope = work.scope if work else None
        if not task or not scope:
            return {"task": task.get_name() if task else ""}
        route = scope.get("path_template", "")
        identity = work.id if work else ""
        return {"method": scope["method"], "route": route, "path": scope["path"], "request_id": identity}

    def end(self) -> None:
        """End the process at once: nothing of it that would have to close in order can be relied on."""
        self.report("worker stuck: ending it, so that it is replaced")
        faulthandler.dump_traceback(all_threads=True)
        os._exit(1)

    def guard(self, seconds: float) -> None:
        """Let the system end the process after so much of its processor time, unless this is called again; 0: never.

        That is for a call that never gives the GIL back: no Python code can run then, this thread's included.
        """
        if self.options.stuck and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
