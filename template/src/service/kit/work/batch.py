# kit: updated by the template; extend it from app.py
"""Collects items, to write them together."""

import asyncio
from collections.abc import Callable


class Batch[Item]:
    """Collects items and writes them together: `delay` seconds after the first, or at `max_items`.

    Without a running event loop, an item is written at once. A killed process loses what waits.
    """

    def __init__(self, write: Callable[[list[Item]], object], delay: float, max_items: int) -> None:
        self.write = write
        self.delay = delay
        self.max_items = max_items
        self.waiting: list[Item] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop with a timer for the waiting items."""

    def add(self, item: Item) -> None:
        self.waiting.append(item)
        loop = asyncio._get_running_loop()
        if loop is None or len(self.waiting) >= self.max_items:
            self.flush()
        elif loop is not self.loop:
            self.loop = loop
            loop.call_later(self.delay, self.flush_by_timer)

    def flush_by_timer(self) -> None:
        self.loop = None
        self.flush()

    def flush(self) -> None:
        """Write the waiting items now."""
        if self.waiting:
            items = self.waiting
            self.waiting = []
            self.write(items)
