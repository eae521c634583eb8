# kit: updated by the template; extend it from app.py
"""Items that are written together."""

import asyncio
from collections.abc import Callable


class Batch[Item]:
    """Collects items and writes them together: `pause` seconds after the first, or when there are
    `most`.

    A process that is killed loses what waits. Where no event loop runs, items are written at once.
    """

    def __init__(self, write: Callable[[list[Item]], object], pause: float, most: int) -> None:
        self.write = write
        self.pause = pause
        self.most = most
        self.waiting: list[Item] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, item: Item) -> None:
        self.waiting.append(item)
        loop = asyncio._get_running_loop()
        if loop is None or len(self.waiting) >= self.most:
            self.flush()
        elif loop is not self.loop:
            self.loop = loop
            loop.call_later(self.pause, self.expire)

    def expire(self) -> None:
        self.loop = None
        self.flush()

    def flush(self) -> None:
        if self.waiting:
            waiting, self.waiting = self.waiting, []
            self.write(waiting)
