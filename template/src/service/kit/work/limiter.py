# kit: updated by the template; extend it from app.py
"""A limit on how many run at once, and on who waits for that."""

import asyncio
import time
from collections import deque
from typing import NamedTuple

from service.kit.work import metrics
from service.kit.work.context import time_left
from service.kit.work.deadlines import Deadlines
from service.kit.work.problems import RETRY_AFTER, Problem


class FullError(Problem):
    """503: no place was free, or became free in time."""


class Limiter:
    """At most `limit` at once; `waiters` more wait in order, each up to `patience` seconds or until
    its deadline.

    It bounds everything in the kit that is bounded in number. `full` is what clients are told when
    there is no place, and `reason` the one under which that is counted. `running` and `waiting` are
    for monitoring.
    """

    def __init__(
        self,
        limit: int,
        waiters: int = 0,
        patience: float = 0.0,
        full: str = "Try again shortly.",
        reason: str = "",
    ) -> None:
        self.limit = limit
        self.waiters = waiters
        self.patience = patience
        self.full = full
        self.reason = reason
        self.running = 0
        self.queue: deque[asyncio.Future[None]] = deque()
        self.deadlines = Deadlines()

    @property
    def waiting(self) -> int:
        return len(self.queue)

    def try_enter(self) -> bool:
        """Take a place if one is free and nobody is waiting for it."""
        if self.running >= self.limit or self.queue:
            return False
        self.running += 1
        return True

    async def enter(self) -> None:
        """Take a place, waiting for one if necessary. Raises `FullError`."""
        if self.try_enter():
            return
        if len(self.queue) >= self.waiters:
            raise self.refuse()
        place = asyncio.get_running_loop().create_future()
        wait = Wait(time.monotonic() + time_left(self.patience), place, self)
        self.queue.append(place)
        self.deadlines.add(wait)
        try:
            await place
        except asyncio.CancelledError:
            if place in self.queue:
                self.queue.remove(place)
            elif place.done() and not place.cancelled() and not place.exception():
                self.leave()  # it was handed over at the very moment of the cancellation
            raise
        finally:
            self.deadlines.under_way.discard(wait)

    def refuse(self) -> FullError:
        """Return the problem of whoever gets no place, and count it."""
        if self.reason:
            metrics.count_refusal(self.reason)
        return FullError(503, "busy", self.full, headers={"retry-after": str(RETRY_AFTER)})

    def leave(self) -> None:
        """Give a place back, to whoever has waited longest."""
        while self.queue:
            place = self.queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.running -= 1


class Wait(NamedTuple):
    """Waiting for a place."""

    expires_at: float
    place: asyncio.Future[None]
    limiter: Limiter

    def expire(self) -> None:
        """End it. This also works where a cancellation would not."""
        if not self.place.done():
            self.limiter.queue.remove(self.place)
            self.place.set_exception(self.limiter.refuse())
