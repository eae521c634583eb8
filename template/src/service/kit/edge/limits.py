# kit: updated by the template; extend it from app.py
"""Bounds: how many at once, the longest a setting may make anything wait, and the cores that sizes derive from."""

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import Annotated

from pydantic import Field

from service.kit.edge.context import time_left

Seconds = Annotated[float, Field(gt=0, le=3600)]
Lifetime = Annotated[float, Field(gt=0, le=86_400)]

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def count_cores(quota: Path = QUOTA) -> int:
    """Return how many cores this process may use, by the machine, its affinity and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(cores, round(int(allowed) / int(period))))
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return cores


class FullError(Exception):
    """No place was free. `waited` tells whether the caller waited in vain, or there was no room to wait."""

    def __init__(self, *, waited: bool) -> None:
        super().__init__("no place became free in time" if waited else "too many are waiting for a place")
        self.waited = waited


class Limiter:
    """At most `limit` at once; `waiters` more wait in order, each up to `patience` seconds or until its deadline.

    It bounds everything in the kit that is bounded in number. `running`, `waiting`, `refused` and `timed_out` are for
    monitoring.
    """

    def __init__(self, limit: int, waiters: int = 0, patience: float = 0.0) -> None:
        self.limit = limit
        self.waiters = waiters
        self.patience = patience
        self.running = 0
        self.refused = 0
        self.timed_out = 0
        self.queue: deque[asyncio.Future[None]] = deque()

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
            self.refused += 1
            raise FullError(waited=False)
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        self.queue.append(place)
        timer = loop.call_later(time_left(self.patience), self.expire, place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self.queue:
                self.queue.remove(place)
            elif place.done() and not place.cancelled() and not place.exception():
                self.leave()  # it was handed over at the very moment of the cancellation
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Give a place back, to whoever has waited longest."""
        while self.queue:
            place = self.queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.running -= 1

    def expire(self, place: asyncio.Future[None]) -> None:
        """End a wait that took too long. A timer of its own does so even where a cancellation would not."""
        if not place.done():
            self.queue.remove(place)
            self.timed_out += 1
            place.set_exception(FullError(waited=True))
