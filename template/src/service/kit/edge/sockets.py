# kit: updated by the template; extend it from app.py
"""WebSockets: connections on which both sides send messages, as bounded as requests are.

The handshake is a request: an error before it is accepted is a problem. An open connection closes
with a code, by RFC 6455 §7.4: 1000 when the handler is done, 1001 when the worker stops or
EDGE_STREAM_LIFETIME is over, 1008 for a problem, 1009 for a message that is too large, 1011 for a
fault of ours, and 3000 when the caller's token expires.

granian speaks the protocol, and answers pings. It takes a message of up to 64 MiB into memory
before it can be refused here.
"""

import asyncio
import time
from contextlib import suppress
from math import inf

import structlog

from service.kit.edge.cors import Cors, refuse_origin
from service.kit.edge.events import get_lifetime
from service.kit.edge.response import Exchange
from service.kit.edge.slow_clients import explain_cut_off
from service.kit.work import metrics
from service.kit.work.asgi import App, Fields, Message, Receive, Scope
from service.kit.work.context import Work, current
from service.kit.work.limits import DeadlineError, Limiter
from service.kit.work.problems import Problem

log = structlog.get_logger()

METHOD = "WEBSOCKET"
"""What logs and metrics have in place of a method."""

CLEANUP_SECONDS = 1.0
"""How long a handler may take to notice the end, and a client to take the code."""

MAX_REASON_BYTES = 123


class Socket(Exchange):
    """A WebSocket. It is the `send` that the application gets."""

    subprotocol: str | None = None
    """The one to accept unless the application chooses another."""
    paid_until = 0.0
    """Until when the messages so far use up the rate."""
    messages: asyncio.Queue[Message]
    """What the application has not received yet: one message, and the end."""
    opened: asyncio.Event

    async def serve(self, slots: Limiter, app: App, scope: Scope, receive: Receive) -> None:
        """Run the application, and close the connection. Raises what refuses the handshake."""
        if not slots.try_enter():
            raise slots.refuse()
        self.ends_at = self.expires_at = time.monotonic() + self.options.request_timeout
        try:
            with self:
                await self.run(app, scope, receive)
            await self.close(1000)
        except DeadlineError:
            raise explain_cut_off(self) from None
        except Exception as error:
            if not self.status:
                raise
            if isinstance(error, Problem):
                await self.close(1008, f"{error.kind}: {error.detail}")
                return
            log.exception("request failed", method=METHOD, path=scope["path"])
            route = scope.get("path_template", "unmatched")
            metrics.get_metrics().failed_responses.labels(route).inc()
            await self.close(1011)
        finally:
            slots.leave()

    async def run(self, app: App, scope: Scope, receive: Receive) -> None:
        """Run the application until it is done, the client leaves, or time is over.

        If it waits for a message then, it gets a disconnect. It is cancelled if it goes on.
        """
        self.messages = asyncio.Queue()
        self.opened = asyncio.Event()
        handler = asyncio.ensure_future(app(scope, self.receive, self))
        reading = asyncio.ensure_future(self.read_messages(receive))
        ending = asyncio.ensure_future(self.wait_for_end(scope))
        tasks = [handler, reading, ending]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                await self.close(*ending.result())
            if not handler.done():
                self.messages.put_nowait({"type": "websocket.disconnect", "code": self.close_code})
                await asyncio.wait([handler], timeout=CLEANUP_SECONDS)
            if handler.done():
                handler.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def wait_for_end(self, scope: Scope) -> tuple[int, str]:
        """Return the code and the reason when the worker stops, or the time is over."""
        await self.opened.wait()
        lifetime = get_lifetime(self.options, scope.get("auth"))
        try:
            async with asyncio.timeout(lifetime):
                await scope.get("stopping", asyncio.Event()).wait()
        except TimeoutError:
            if lifetime < self.options.stream_lifetime:
                return 3000, "The token has expired. Get a new one, and connect again."
            return 1001, "The connection has been open for long enough. Connect again."
        return 1001, "The service restarts. Connect again."

    async def receive(self) -> Message:
        """Return the next message for the application."""
        message = await self.messages.get()
        self.messages.task_done()
        return message

    async def read_messages(self, receive: Receive) -> None:
        """Take messages one by one, until the client leaves or sends what it may not."""
        while not self.close_code:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.close_code = self.close_code or message["code"]
            elif message["type"] == "websocket.receive":
                await self.check_message(message)
            if not self.close_code:
                self.messages.put_nowait(message)
                await self.messages.join()

    async def check_message(self, message: Message) -> None:
        """Close the connection if a message is too large, or one too many in a second."""
        max_bytes = self.options.socket_bytes
        rate = self.options.socket_rate
        now = time.monotonic()
        self.paid_until = max(self.paid_until, now - 1) + 1 / rate
        if measure(message) > max_bytes:
            metrics.count_refusal("socket-size")
            await self.close(1009, f"A message has at most {max_bytes:,} bytes.")
        elif self.paid_until > now:
            metrics.count_refusal("socket-rate")
            await self.close(1008, f"At most {rate:,} messages a second are taken.")

    async def __call__(self, message: Message) -> None:
        """Take a message of the application."""
        kind = message["type"]
        if kind == "websocket.accept":
            await self.accept(message)
        elif kind == "websocket.send":
            await self.send_message(message)
        elif kind == "websocket.close":
            await self.close(message.get("code", 1000), message.get("reason") or "")
        else:  # a response, which refuses the handshake
            await super().__call__(message)

    async def accept(self, message: Message) -> None:
        """Open the connection. From here on, the application has no deadline."""
        subprotocol = message.get("subprotocol") or self.subprotocol
        await self.send({**message, "subprotocol": subprotocol})
        self.status = 101
        self.opened_at = time.perf_counter()
        self.expires_at = inf
        self.opened.set()
        current.set(Work(self.id, scope=self.scope))

    async def send_message(self, message: Message) -> None:
        """Send a message to a client that has to keep up. Raises OSError if it is gone."""
        if self.close_code:
            raise OSError("the WebSocket is closed")
        self.bytes_sent += measure(message)
        try:
            async with asyncio.timeout(self.options.stall_timeout):
                await self.send(message)
        except TimeoutError:
            self.close_code = 1008
            raise OSError("the client stopped reading") from None
        # granian may be done before it is awaited, and then nothing else would run.
        await asyncio.sleep(0)

    async def close(self, code: int, reason: str = "") -> None:
        """Close the connection, or refuse the handshake, unless that is done."""
        if self.close_code:
            return
        self.close_code = code
        self.status = self.status or 403
        reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        with suppress(TimeoutError):
            async with asyncio.timeout(CLEANUP_SECONDS):
                await self.send({"type": "websocket.close", "code": code, "reason": reason})


def take_token(scope: Scope) -> str | None:
    """Make a header of a token that is sent as `Sec-WebSocket-Protocol: bearer, TOKEN`.

    Browsers cannot send `Authorization`, and want one of the subprotocols that they offered: it is
    returned.
    """
    offered: list[str] = scope.get("subprotocols", [])
    scheme, token, *others = [*offered, "", ""]
    if scheme.lower() != "bearer" or not token:
        return None
    scope["headers"] = [*scope["headers"], (b"authorization", f"Bearer {token}".encode())]
    scope["subprotocols"] = others[:-2]
    return scheme


def check_origin(fields: Fields, cors: Cors | None) -> None:
    """Raise a 403 problem for a page of another host that is not in EDGE_ORIGINS.

    Browsers let any page open a WebSocket, and send the user's cookies along.
    """
    origin = fields.get(b"origin", b"")
    is_own = origin.partition(b"://")[2] == fields.get(b"host")
    if origin and not is_own and not (cors and cors.allows(origin)):
        raise refuse_origin()


def measure(message: Message) -> int:
    """Return the bytes of a message."""
    text = message.get("text")
    return len(message["bytes"] if text is None else text.encode())
