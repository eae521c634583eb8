# kit: updated by the template; extend it from app.py
"""What has to end in time, without a timer for each: a look at all of it, twenty times a second."""

import asyncio
import time
from typing import Protocol

TICK = 0.05
"""Seconds between two looks. A timer for each request, statement and wait would cost 1 to 3 µs."""


class Limited(Protocol):
    """What has a deadline on the clock of `time.monotonic`: `expire` is called up to a tick after it."""

    expires_at: float

    def expire(self) -> None: ...


class Deadlines:
    """All that is `under_way` on one event loop, and has to end in time."""

    def __init__(self) -> None:
        self.under_way: set[Limited] = set()
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, limited: Limited) -> None:
        self.under_way.add(limited)
        if self.loop is not (loop := asyncio.get_running_loop()):
            self.loop = loop
            loop.call_later(TICK, self.look, loop)

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        for limited in self.under_way:
            if limited.expires_at <= now:
                limited.expire()
        self.loop = loop if self.under_way else None
        if self.under_way:
            loop.call_later(TICK, self.look, loop)
