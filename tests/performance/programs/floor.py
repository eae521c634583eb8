"""The floor: the least that Python needs to answer the same requests with the same JSON.

A bare ASGI callable on granian, a stack of bare asyncpg connections, msgspec, and the statements of the service. It has
no framework, refuses nothing, recovers from nothing. It runs in the environment of a generated service.

Each request takes one round trip to PostgreSQL, also one that creates an order: a single statement inserts the order,
its job, and with an `Idempotency-Key` the reply to store. `PART=job` leaves the job out.
"""

import asyncio
import os
import sys
from base64 import urlsafe_b64encode
from collections import deque
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
from granian import Granian
from msgspec import structs
from service.orders import queries
from service.orders.model import NewOrder, Order, OrderChange

PREFIX = len("/v1/orders/")
OWNER = "development"
"""Whose orders are asked for. No token is checked, which is work that the generated service does in addition."""

INSERT = """
insert into orders (
    account, reference, customer_email, currency, total_minor, item_count, tags, gift, note, id, created_at, updated_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
"""
JOB = """
queued as (
    insert into kit.pgqueuer (priority, entrypoint, payload, headers, status)
    select 0, 'orders.confirm', convert_to(payload::text, 'utf8'), '{"request_id": ""}', 'queued'
      from json_build_object('account', $1::text, 'order_id', $10::uuid) as payload
    returning id, entrypoint, priority
), logged as (
    insert into kit.pgqueuer_log (job_id, status, entrypoint, priority)
    select id, 'queued', entrypoint, priority from queued
)
"""
KEY = """
kept as (
    insert into kit.idempotency_keys (digest, fingerprint, headers, body, expires_at)
    values ($12, $13, '{}', $14, now() + interval '24 hours')
)
"""

CHANGE = """
update orders
   set note = $4, version = version + 1, updated_at = now()
 where id = $2 and account = $1 and version = $3
returning {columns}
""".format(columns=", ".join(Order.__struct_fields__))

FIRST = (OWNER, datetime(9999, 12, 31, tzinfo=UTC), UUID(int=0), datetime(1, 1, 1, tzinfo=UTC))
"""The arguments of a list that starts with the newest order."""


class Floor:
    """The ASGI application."""

    def __init__(self) -> None:
        self.free: deque[asyncpg.Connection] = deque()
        self.waiting: deque[asyncio.Future[asyncpg.Connection]] = deque()
        self.encode = msgspec.json.Encoder().encode
        self.decode_order = msgspec.json.Decoder(NewOrder).decode
        self.decode_change = msgspec.json.Decoder(OrderChange).decode
        job = [] if os.environ.get("PART") == "job" else [JOB]
        self.inserts = {False: compose(job), True: compose([*job, KEY])}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.live(receive, send)
        status = 200
        sent = b""
        if scope["method"] != "GET":
            sent = await read_body(receive)
        connection = self.free.pop() if self.free else await self.wait()
        try:
            if scope["method"] == "POST":
                status = 201
                body = await self.create_order(connection, scope, sent)
            elif sent:
                body = self.encode(await self.change_order(connection, scope, sent))
            else:
                answer = self.read_order if len(scope["path"]) > PREFIX else self.list_orders
                body = self.encode(await answer(connection, scope))
        finally:
            self.release(connection)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def create_order(self, connection: asyncpg.Connection, scope: Any, sent: bytes) -> bytes:
        """Store an order, its job, and the reply if there is a key; return the reply.

        The id and the time are made here, so that the reply is known before it is stored.
        """
        data = self.decode_order(sent)
        now = datetime.now(UTC)
        order = Order(uuid4(), *structs.astuple(data)[:2], "pending", *structs.astuple(data)[2:], 1, now, now)
        body = self.encode(order)
        arguments = [OWNER, *structs.astuple(data), order.id, now]
        key = dict(scope["headers"]).get(b"idempotency-key")
        if key:
            arguments += [sha256(key).digest(), sha256(sent).digest(), body]
        await connection.execute(self.inserts[bool(key)], *arguments)
        return body

    async def change_order(self, connection: asyncpg.Connection, scope: Any, sent: bytes) -> Order:
        """Change the note of an order that has still the version that was read."""
        data = self.decode_change(sent)
        return Order(*await connection.fetchrow(CHANGE, OWNER, UUID(scope["path"][PREFIX:]), data.version, data.note))

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


def compose(parts: list[str]) -> str:
    """Return the statement that inserts an order, and in the same round trip what else it takes."""
    return f"with {', '.join(parts)} {INSERT}" if parts else INSERT


async def read_body(receive: Any) -> bytes:
    """Return the whole body."""
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


if __name__ == "__main__":
    Granian(
        "floor:Floor", factory=True, port=int(sys.argv[1]), interface="asgi", loop="uvloop", websockets=False
    ).serve()
