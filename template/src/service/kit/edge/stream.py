# kit: updated by the template; extend it from app.py
"""A response that is sent in pieces as they become ready, as fast as the client takes them and no faster."""

import asyncio
from math import inf

from service.kit.edge import asgi

PIECE = 65_536
"""Bytes sent at once: what comes in smaller portions is collected, since each send has its price."""

PATIENCE = 0.1
"""Seconds after the last piece from which a portion is sent on although it makes no whole one."""


class Stream:
    """A response that begins with its first portion, so that an error before can still be a problem."""

    def __init__(self, send: asgi.Send, headers: asgi.Headers) -> None:
        self.send = send
        self.headers = headers
        self.started = False
        self.portions: list[bytes] = []
        self.size = 0
        self.sent_at = -inf

    async def write(self, portion: bytes) -> None:
        """Take a portion, and return when there is room for more."""
        self.portions.append(portion)
        self.size += len(portion)
        if self.size >= PIECE or asyncio.get_running_loop().time() - self.sent_at >= PATIENCE:
            await self.flush()

    async def finish(self) -> None:
        """Send what is left, and the end."""
        await self.flush(more=False)

    async def flush(self, more: bool = True) -> None:
        """Send what was taken."""
        if not self.started:
            self.started = True
            await self.send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await self.send({"type": "http.response.body", "body": b"".join(self.portions), "more_body": more})
        self.portions.clear()
        self.size = 0
        self.sent_at = asyncio.get_running_loop().time()


async def wait_for_disconnect(receive: asgi.Receive) -> None:
    """Return when the client has gone, which shows also while nothing is sent to it."""
    while (await receive())["type"] != "http.disconnect":
        pass
