"""The floor: the least that Python needs to answer the same requests with the same JSON.

A bare ASGI callable on granian, a stack of bare asyncpg connections, msgspec, and the statements of the service. It has
no framework, refuses nothing, recovers from nothing. It runs in the environment of a generated service.
"""

import asyncio
import os
import sys
from base64 import urlsafe_b64encode
from collections import deque
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from granian import Granian
from service.orders import queries
from service.orders.model import Order

PREFIX = len("/v1/orders/")
OWNER = "development"
"""Whose orders are asked for. No token is checked, which is work that the generated service does in addition."""

FIRST = (OWNER, datetime(9999, 12, 31, tzinfo=UTC), UUID(int=0), datetime(1, 1, 1, tzinfo=UTC))
"""The arguments of a list that starts with the newest order."""


class Floor:
    """The ASGI application."""

    def __init__(self) -> None:
        self.free: deque[asyncpg.Connection] = deque()
        self.waiting: deque[asyncio.Future[asyncpg.Connection]] = deque()
        self.encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.live(receive, send)
        connection = self.free.pop() if self.free else await self.wait()
        try:
            answer = self.read_order if len(scope["path"]) > PREFIX else self.list_orders
            body = self.encode(await answer(connection, scope))
        finally:
            self.release(connection)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def read_order(self, connection: asyncpg.Connection, scope: Any) -> Order:
        """Return one order."""
        return Order(*await connection.fetchrow(queries.read_order.sql, OWNER, UUID(scope["path"][PREFIX:])))

    async def list_orders(self, connection: asyncpg.Connection, scope: Any) -> dict[str, Any]:
        """Return the first page. Its query string is `limit=` and a number."""
        limit = int(scope["query_string"][6:])
        newest = queries.orders.queries["newest"]
        orders = [Order(*record) for record in await connection.fetch(newest.sql, *FIRST, limit + 1)]
        last = orders[limit - 1]
        cursor = urlsafe_b64encode(msgspec.msgpack.encode((last.created_at, last.id))) if len(orders) > limit else None
        return {"data": orders[:limit], "next": cursor.decode() if cursor else None}

    async def wait(self) -> asyncpg.Connection:
        """Return a connection when another request has done with it."""
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return await future

    def release(self, connection: asyncpg.Connection) -> None:
        """Hand a connection to who waits, or keep it on top: the last one used is the warmest."""
        if self.waiting:
            self.waiting.popleft().set_result(connection)
        else:
            self.free.append(connection)

    async def live(self, receive: Any, send: Any) -> None:
        """Open the connections at the start, and close them at the end."""
        await receive()
        for _ in range(int(os.environ["DATABASE_POOL_SIZE"])):
            self.free.append(await asyncpg.connect(os.environ["DATABASE_URL"]))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for connection in self.free:
            await connection.close()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    Granian(
        "floor:Floor", factory=True, port=int(sys.argv[1]), interface="asgi", loop="uvloop", websockets=False
    ).serve()
