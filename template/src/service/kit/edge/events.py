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

import msgspec

from service.kit.edge.options import EdgeOptions
from service.kit.edge.response import Exchange
from service.kit.work import asgi, headers, responses
from service.kit.work.context import Work, current, request_id
from service.kit.work.limits import Limiter

type Write = Callable[[bytes], Awaitable[None]]

# The second header keeps nginx from collecting events before it passes them on.
HEADERS: asgi.Headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
RETRY = (1000, 5000)
"""Milliseconds after which a client connects again, drawn for each, so that those of a stopped
worker come apart."""
HEARTBEAT = b":\n\n"
UNSENDABLE = re.compile("[\0\r\n]")
ENCODER = msgspec.json.Encoder()

LAST_EVENT_ID_PARAMETER = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The id of the last event received. Browsers send it by themselves when they connect again.",
    "required": False,
    "schema": {"type": "string"},
}


class LastEventId(str):
    """The id of the last event that the client has received; empty when it connects for the first
    time.
    """

    __slots__ = ()


def read_last_event_id(scope: asgi.Scope, _: asgi.Receive, __: asgi.Send) -> LastEventId:
    """Return the id in the header of a request."""
    return LastEventId(
        headers.merge_headers(scope["headers"])
        .get(b"last-event-id", b"")
        .decode("utf-8", "replace")
    )


@dataclass(frozen=True, slots=True)
class Event[Data]:
    """One event. `data` is sent as JSON; `name` is what browsers listen for, "message" unless it
    says otherwise.

    A client that connects again says which `id` it had last. Raises ValueError for what the format
    has no way to send.
    """

    data: Data
    name: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        if UNSENDABLE.search(self.name + self.id):
            raise ValueError("the name and the id of an event are single lines without NUL")

    def encode(self) -> bytes:
        lines = [b"data: %s" % line for line in ENCODER.encode(self.data).splitlines()]
        fields = [
            f"{field}: {value}".encode()
            for field, value in (("event", self.name), ("id", self.id))
            if value
        ]
        return b"\n".join([*fields, *lines, b"", b""])


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
        """Give a request a place here for the one it has among the requests being answered. Raises
        a 503 problem.
        """
        if not self.try_enter():
            raise self.refuse()
        if exchange.place:
            exchange.place.leave()
        exchange.place, exchange.opened_at = self, time.perf_counter()

    async def beat(self, write: Write) -> None:
        """Send comments, so that no proxy takes a quiet stream for a dead one."""
        while True:
            await asyncio.sleep(self.options.heartbeat)
            await write(HEARTBEAT)

    def count_seconds(self, caller: Any) -> float:
        """Return how long a stream may stay open: no longer than the token of its caller is
        valid.
        """
        most = self.options.stream_lifetime
        return min(most, max(0.0, caller.expires - time.time())) if caller else most


@dataclass(frozen=True)
class EventStream[Data]:
    """A response that sends what a generator yields, until that ends or the client leaves.

    It ends as well when the caller's token expires, after `EDGE_STREAM_LIFETIME`, and when the
    worker is told to stop: clients of the standard connect again by themselves. However it ends,
    the generator is closed at once, wherever it waits. The status is sent before the generator
    runs, so whatever is refused is refused by the handler.
    """

    events: AsyncGenerator[Event[Data]]

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        streams: Streams = scope["streams"]
        streams.admit(cast("Exchange", current.get()))
        lock = asyncio.Lock()

        async def write(piece: bytes) -> None:
            async with lock:
                await send({"type": "http.response.body", "body": piece, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        leaving, stopping = (
            responses.wait_for_disconnect(receive),
            scope.get("stopping", asyncio.Event()).wait(),
        )
        work, seconds = (
            (self.send_events(scope, write), streams.beat(write)),
            streams.count_seconds(scope.get("auth")),
        )
        async with responses.run_until_first(leaving, stopping, *work, seconds=seconds) as has_left:
            if not has_left:
                async with lock:  # an event that is half sent comes first
                    await send({"type": "http.response.body", "body": b""})

    async def send_events(self, scope: asgi.Scope, write: Write) -> None:
        """Send the events. Their time is not that of the request: it has no deadline, and no place
        in its log line.
        """
        current.set(Work(request_id(), scope=scope))
        await write(
            b"retry: %d\n\n" % random.randint(*RETRY)
        )  # at once, so that the client sees the stream open
        async with aclosing(self.events) as events:
            async for event in events:
                await write(event.encode())
