# kit: updated by the template; extend it from app.py
"""Limits on running work: how long it takes, and how much of it runs at once.

It also records where the time of a request goes: `TimeLimit` ends a block that takes too long and
charges its time to a layer, `Span` only charges it.
"""

import asyncio
import time
from collections import deque
from math import inf
from typing import Any, Self

from service.kit.work import metrics
from service.kit.work.context import current
from service.kit.work.problems import RETRY_AFTER, Problem

TICK_INTERVAL = 0.05
"""Seconds between two checks of all deadlines. A timer for each request, statement and wait would
cost 1 to 3 µs."""


def time_left(seconds: float) -> float:
    """Return `seconds`, or the time until the deadline of the request or job if that is less.

    It is never less than zero.
    """
    work = current.get()
    if work is None:
        return seconds
    return max(0.0, min(seconds, work.ends_at - time.monotonic()))


def charge(layer: str, started: float) -> None:
    """Charge the time since `started`, by `time.perf_counter`, to a layer of the request or job."""
    work = current.get()
    if work is not None:
        seconds = time.perf_counter() - started
        work.spans[layer] = work.spans.get(layer, 0.0) + seconds


class Span:
    """Charge the time of a block to a layer of the request or job: `with Span("stock"):`."""

    __slots__ = ("name", "started")

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        charge(self.name, self.started)


class DeadlineError(TimeoutError):
    """The time of a `TimeLimit` is up. A timeout of the code within the block is another error."""


class Deadlines:
    """Time limits that share one timer of the event loop.

    The timer stops while there are none.
    """

    def __init__(self) -> None:
        self.under_way: set[TimeLimit] = set()
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, limit: "TimeLimit") -> None:
        self.under_way.add(limit)
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self.loop = loop
            loop.call_later(TICK_INTERVAL, self.tick, loop)

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the blocks that are past their deadlines."""
        now = time.monotonic()
        for limit in self.under_way:
            if limit.expires_at <= now:
                limit.expire()
        if self.under_way:
            self.loop = loop
            loop.call_later(TICK_INTERVAL, self.tick, loop)
        else:
            self.loop = None


class TimeLimit:
    """Cancel a block that takes too long, and charge its time: `with TimeLimit(deadlines, 5):`.

    The block then ends with `DeadlineError`, up to a tick late. If something else cancels the task
    as well, it ends with that CancelledError. `expires_at` may be moved while the block runs.
    """

    deadlines: Deadlines
    task: asyncio.Task[Any]
    started: float
    cancellations: int
    """How often the task had been cancelled before the block."""
    expires_at = inf
    is_late = False
    layer = ""

    def __init__(self, deadlines: Deadlines, seconds: float, layer: str = "") -> None:
        self.deadlines = deadlines
        self.expires_at = time.monotonic() + seconds
        self.layer = layer

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self.task = task
        self.cancellations = task.cancelling()
        self.deadlines.add(self)
        self.started = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self.deadlines.under_way.discard(self)
        if self.layer:
            charge(self.layer, self.started)
        task = self.task
        # The context of a task may refer to this: both would wait for the garbage collector.
        del self.task
        if self.is_late:
            is_ours = task.uncancel() <= self.cancellations
            if is_ours and kind is asyncio.CancelledError:
                raise DeadlineError

    def expire(self) -> None:
        """End the block now."""
        if not self.is_late:
            self.task.cancel()
        self.is_late = True
        self.expires_at = inf


class FullError(Problem):
    """503: no slot was free, and none became free in time."""


class Limiter:
    """Lets `limit` run at once, and `waiters` more wait in order for a slot.

    Each waits up to `wait_timeout` seconds, or until its deadline. Then `FullError` tells the
    client `full`, and counts as a refusal for `reason`. `running` and `waiting` are for monitoring.
    """

    def __init__(
        self,
        limit: int,
        waiters: int = 0,
        wait_timeout: float = 0.0,
        full: str = "Try again shortly.",
        reason: str = "",
    ) -> None:
        self.limit = limit
        self.waiters = waiters
        self.wait_timeout = wait_timeout
        self.full = full
        self.reason = reason
        if reason:
            metrics.get_metrics().refused.labels(reason)
        self.running = 0
        self.queue: deque[asyncio.Future[None]] = deque()
        self.deadlines = Deadlines()

    @property
    def waiting(self) -> int:
        return len(self.queue)

    def try_enter(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self.running >= self.limit or self.queue:
            return False
        self.running += 1
        return True

    async def enter(self) -> None:
        """Take a slot, after waiting for one if necessary. Raises `FullError`."""
        if self.try_enter():
            return
        if len(self.queue) >= self.waiters:
            raise self.refuse()
        slot = asyncio.get_running_loop().create_future()
        self.queue.append(slot)
        try:
            with TimeLimit(self.deadlines, time_left(self.wait_timeout)):
                await slot
        except (asyncio.CancelledError, DeadlineError) as error:
            self.give_up(slot)
            if isinstance(error, DeadlineError):
                raise self.refuse() from None
            raise

    def give_up(self, slot: asyncio.Future[None]) -> None:
        """Stop waiting. A slot that was handed over at this very moment goes to the next."""
        if slot in self.queue:
            self.queue.remove(slot)
        elif slot.done() and not slot.cancelled():
            self.leave()

    def refuse(self) -> FullError:
        """Return the problem for a request that gets no slot, and count it."""
        if self.reason:
            metrics.count_refusal(self.reason)
        return FullError(503, "busy", self.full, headers={"retry-after": str(RETRY_AFTER)})

    def leave(self) -> None:
        """Give a slot back: it goes to the one that has waited longest."""
        while self.queue:
            slot = self.queue.popleft()
            if not slot.done():
                slot.set_result(None)
                return
        self.running -= 1
