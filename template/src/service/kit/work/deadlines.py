# kit: updated by the template; extend it from app.py
"""Deadlines of everything under way on an event loop."""

import asyncio
import time
from math import inf
from typing import Any

TICK_INTERVAL = 0.05
"""Seconds between two looks at all deadlines. A timer for each request, statement and wait would
cost 1 to 3 µs."""


class Deadlines:
    """All that is `under_way` on one event loop: `expire` is called up to a tick after
    `expires_at`.
    """

    def __init__(self) -> None:
        self.under_way: set[Any] = set()
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, limited: object) -> None:
        self.under_way.add(limited)
        if self.loop is not (loop := asyncio.get_running_loop()):
            self.loop = loop
            loop.call_later(TICK_INTERVAL, self.look, loop)

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        for limited in self.under_way:
            if limited.expires_at <= now:
                limited.expire()
        self.loop = loop if self.under_way else None
        if self.under_way:
            loop.call_later(TICK_INTERVAL, self.look, loop)


class Limited:
    """What is cut off when its time is up, by cancelling its `task`, which was cancelled `cancels`
    times before.
    """

    expires_at: float
    is_late: bool
    task: asyncio.Task[Any]
    cancels: int

    def expire(self) -> None:
        if not self.is_late:
            self.task.cancel()
        self.is_late, self.expires_at = True, inf

    def was_cut_off(self) -> bool:
        """Return whether it expired and nothing else cancelled the task, and take the cancellation
        back.
        """
        return self.is_late and self.task.uncancel() <= self.cancels
