# kit: updated by the template; extend it from app.py
"""Server-sent events: a response that stays open, and sends events as they happen.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from service.kit.edge.options import EdgeOptions
from service.kit.edge.response import Exchange
from service.kit.work import headers, responses
from service.kit.work.asgi import Headers, Receive, Scope, Send
from service.kit.work.context import Work, current, request_id
from service.kit.work.limits import Limiter
from service.kit.work.times import encode_json

type SendPiece = Callable[[bytes], Awaitable[None]]

# The second header keeps nginx from collecting events before it passes them on.
HEADERS: Headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]

MIN_RETRY = 1000
MAX_RETRY = 5000
"""Milliseconds after which a client reconnects.

They are random for each client, so that those of a stopped worker do not all return at once.
"""

HEARTBEAT = b":\n\n"
UNSENDABLE = re.compile("[\0\r\n]")

LAST_EVENT_ID_PARAMETER = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The id of the last event received."
    " Browsers send it by themselves when they connect again.",
    "required": False,
    "schema": {"type": "string"},
}


class LastEventId(str):
    """The id of the last event that the client has received; empty if there was none."""

    __slots__ = ()


def read_last_event_id(scope: Scope, _: Receive, __: Send) -> LastEventId:
    """Return the id in the header of a request."""
    fields = headers.merge_headers(scope["headers"])
    return LastEventId(fields.get(b"last-event-id", b"").decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Event[Data]:
    """One event. `data` is sent as JSON.

    Browsers listen for its `name`, which is "message" by default. A client that reconnects sends
    the `id` of the last event it received. Raises ValueError for a name or id that cannot be sent.
    """

    data: Data
    name: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        if UNSENDABLE.search(self.name + self.id):
            raise ValueError("the name and the id of an event are single lines without NUL")

    def encode(self) -> bytes:
        lines: list[bytes] = []
        if self.name:
            lines.append(b"event: " + self.name.encode())
        if self.id:
            lines.append(b"id: " + self.id.encode())
        data = encode_json(self.data)
        lines.extend(b"data: " + line for line in data.splitlines())
        return b"\n".join(lines) + b"\n\n"


class Streams(Limiter):
    """The event streams that a worker holds open."""

    def __init__(self, options: EdgeOptions) -> None:
        super().__init__(
            options.streams,
            full="Too many event streams are open. Try again shortly.",
            reason="stream",
        )
        self.options = options

    def admit(self, exchange: Exchange) -> None:
        """Exchange a request's slot for one among event streams. Raises a 503 problem."""
        if not self.try_enter():
            raise self.refuse()
        if exchange.slot:
            exchange.slot.leave()
        exchange.slot = self
        exchange.opened_at = time.perf_counter()

    async def send_heartbeats(self, send_piece: SendPiece) -> None:
        """Send comments, so that no proxy takes a quiet stream for a dead one."""
        while True:
            await asyncio.sleep(self.options.heartbeat)
            await send_piece(HEARTBEAT)


def get_lifetime(options: EdgeOptions, caller: Any) -> float:
    """Return the seconds a stream may stay open: no longer than its caller's token is valid."""
    lifetime = options.stream_lifetime
    if not caller:
        return lifetime
    token_lifetime: float = caller.expires - time.time()
    return min(lifetime, max(0.0, token_lifetime))


@dataclass(frozen=True)
class EventStream[Data]:
    """A response that sends what a generator yields, until that ends or the client leaves.

    It also ends when the caller's token expires, after `EDGE_STREAM_LIFETIME`, and when the worker
    stops: standard clients reconnect by themselves. However it ends, the generator is closed at
    once, wherever it waits. The status is sent before the generator runs, so the handler, and not
    the generator, must raise any problem.
    """

    events: AsyncGenerator[Event[Data]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streams: Streams = scope["streams"]
        streams.admit(cast("Exchange", current.get()))
        lock = asyncio.Lock()

        async def send_piece(piece: bytes) -> None:
            async with lock:
                await send({"type": "http.response.body", "body": piece, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        async with responses.run_until_first(
            responses.wait_for_disconnect(receive),
            scope.get("stopping", asyncio.Event()).wait(),
            self.send_events(scope, send_piece),
            streams.send_heartbeats(send_piece),
            seconds=get_lifetime(streams.options, scope.get("auth")),
        ) as has_left:
            if not has_left:
                async with lock:  # after an event that is half sent
                    await send({"type": "http.response.body", "body": b""})

    async def send_events(self, scope: Scope, send_piece: SendPiece) -> None:
        """Send the events, as work without a deadline that is not charged to the request."""
        current.set(Work(request_id(), scope=scope))
        # At once, so that the client sees the stream open.
        await send_piece(b"retry: %d\n\n" % random.randint(MIN_RETRY, MAX_RETRY))
        async with aclosing(self.events) as events:
            async for event in events:
                await send_piece(event.encode())
