# kit: updated by the template; extend it from app.py
"""Sends responses without the web framework: whole, or in pieces as fast as the client reads."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from math import inf

from service.kit.work.asgi import Fields, Headers, Receive, Send

CHUNK_BYTES = 65_536
"""Bytes that a `Stream` collects before it sends them: each send costs something."""

MAX_DELAY = 0.1
"""Seconds after the last piece when a `Stream` sends what it has, however little."""


async def respond(
    send: Send, status: int, body: bytes, media_type: bytes, fields: Fields | None = None
) -> None:
    """Send a whole response. `fields` are its further headers."""
    headers = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        *(fields or {}).items(),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Stream:
    """A response sent in pieces, as fast as the client reads.

    Until the first one is sent, an error can still become a problem.
    """

    def __init__(self, send: Send, headers: Headers) -> None:
        self.send = send
        self.headers = headers
        self.chunks: list[bytes] = []
        self.size = 0
        self.sent_at = -inf

    async def write(self, chunk: bytes) -> None:
        """Add a chunk, and return when there is room for more."""
        self.chunks.append(chunk)
        self.size += len(chunk)
        delay = time.monotonic() - self.sent_at
        if self.size >= CHUNK_BYTES or delay >= MAX_DELAY:
            await self.flush()

    async def finish(self) -> None:
        await self.flush(more=False)

    async def flush(self, more: bool = True) -> None:
        if self.sent_at == -inf:
            await self.send({"type": "http.response.start", "status": 200, "headers": self.headers})
        body = b"".join(self.chunks)
        await self.send({"type": "http.response.body", "body": body, "more_body": more})
        self.chunks.clear()
        self.size = 0
        self.sent_at = time.monotonic()


@asynccontextmanager
async def run_until_first(
    *work: Awaitable[object], seconds: float | None = None
) -> AsyncGenerator[bool]:
    """Run several things until one ends or time is up; cancel the rest when the block ends.

    Yields whether the first of them has ended. Raises what one of them raised.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        yield tasks[0] in done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has gone, even while nothing is sent to it."""
    while (await receive())["type"] != "http.disconnect":
        pass
