# kit: updated by the template; extend it from app.py
"""A queue of requests that wait for something, served in order, each for a limited time."""

import asyncio
from collections import deque
from collections.abc import Callable

from service.kit.edge.problems import Problem


class Waiters[Item]:
    """Who waits for an item. `timed_out` counts those that waited in vain."""

    def __init__(self) -> None:
        self.queue: deque[asyncio.Future[Item]] = deque()
        self.timed_out = 0

    def __len__(self) -> int:
        return len(self.queue)

    async def wait(self, seconds: float, late: Callable[[], Problem], give_back: Callable[[Item], None]) -> Item:
        """Wait for an item. Raises what `late` makes after so many seconds.

        An item that is handed over at the very moment at which the waiting task is cancelled goes to `give_back`.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Item] = loop.create_future()
        self.queue.append(waiter)
        timer = loop.call_later(seconds, self.expire, waiter, late)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in self.queue:
                self.queue.remove(waiter)
            elif waiter.done() and not waiter.cancelled() and not waiter.exception():
                give_back(waiter.result())
            raise
        finally:
            timer.cancel()

    def expire(self, waiter: asyncio.Future[Item], late: Callable[[], Problem]) -> None:
        """Refuse a waiter whose time is up. A timer of its own ends the wait even where a cancellation would not."""
        if not waiter.done():
            self.queue.remove(waiter)
            self.timed_out += 1
            waiter.set_exception(late())

    def serve(self, item: Item) -> bool:
        """Hand an item to who has waited longest. Return whether anybody waits."""
        waiter = self.next()
        if waiter:
            waiter.set_result(item)
        return waiter is not None

    def refuse(self, problem: Exception) -> bool:
        """Let who has waited longest fail. Return whether anybody waits."""
        waiter = self.next()
        if waiter:
            waiter.set_exception(problem)
        return waiter is not None

    def next(self) -> asyncio.Future[Item] | None:
        """Take who has waited longest out of the queue. Cancelled ones, whose task has not run yet, are passed over."""
        while self.queue:
            waiter = self.queue.popleft()
            if not waiter.done():
                return waiter
        return None
