# kit: updated by the template; extend it from app.py
"""Where lines of the log go: to the standard output, many at once."""

import asyncio
import sys

PAUSE = 0.1
"""Seconds that a line may wait for others.

A write gives way to the server's own thread, which costs more than the write itself: in batches, a request takes a
seventh less of the processor. A worker that is killed loses what waits.
"""

MOST_WAITING = 1000


class Writer:
    """Write lines: warnings and errors at once, with all before them, and the others some moments later."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def write(self, line: str) -> None:
        """Write a line soon, or at once where no event loop runs."""
        self.waiting.append(line)
        loop = asyncio._get_running_loop()
        if loop is None or len(self.waiting) > MOST_WAITING:
            self.flush()
        elif loop is not self.loop:
            self.loop = loop
            loop.call_later(PAUSE, self.flush)

    def write_now(self, line: str) -> None:
        """Write a line, and what waits."""
        self.waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self.loop = None
        if self.waiting:
            text = "\n".join([*self.waiting, ""])
            self.waiting.clear()
            sys.stdout.write(text)
            sys.stdout.flush()

    debug = info = write
    warning = error = critical = write_now
