# kit: updated by the template; extend it from app.py
"""A response on its way out: ETag and 304, HEAD, compression, protective headers, stalls."""

import asyncio
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import Any

from xxhash import xxh3_128_hexdigest

from service.kit.edge.compression import Coder, Compression, make_coder
from service.kit.edge.cors import Cors
from service.kit.edge.options import EdgeOptions
from service.kit.edge.stopwatch import CountedSpans, Stopwatch, describe_timing
from service.kit.work import headers
from service.kit.work.asgi import Fields, Message, Receive, Scope, Send
from service.kit.work.context import Work, current
from service.kit.work.limits import Limiter, Span, TimeLimit

ACCEPTED_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
"""The request ids that callers may send. Anything else could forge log lines, so it is replaced."""

PROTECTIVE_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
"""Headers of a response unless its handler sets them: browsers do not guess its type, frame it, or
keep it.

Source: OWASP's REST security cheat sheet. HSTS belongs to the proxy that terminates TLS.
"""

MAX_HASHED_BYTES = 262_144
"""Longer bodies get no ETag, unless their handler sets one."""

PIECE_BYTES = 65_536
"""Bytes compressed at once, in 0.1 to 0.4 ms.

Other requests run between the pieces of a longer body.
"""

LINGER_SECONDS = 3.0
LINGER_PAUSE = 0.5
LINGER_BYTES = 16_000_000
"""How long a client may go on sending a body that was refused, pause meanwhile, and how much."""

ETAG = re.compile(rb'"[^"]*"')
BODILESS = (204, 304)
BODY_HEADERS = (
    b"content-encoding",
    b"content-language",
    b"content-length",
    b"content-type",
    b"last-modified",
)
"""Headers that describe a body, which a 304 does not have."""


class HeadDoneError(Exception):
    """The response to HEAD is complete, so the application can stop making the body."""


def is_head_done(error: BaseException | None) -> bool:
    """Return whether an error is a `HeadDoneError`, or was caused by nothing else."""
    if error is None:
        return False
    if isinstance(error, BaseExceptionGroup):
        return all(is_head_done(each) for each in error.exceptions)
    return isinstance(error, HeadDoneError) or is_head_done(error.__cause__)


class Exchange(Work, TimeLimit):
    """A request and its response: the `Work` of answering it.

    It is the `send` that the application gets; `respond` is its shorter way for whole responses.
    """

    start: Message | None = None
    """The start of the response, which waits for the first piece of the body."""
    status = 0
    """The status of the response that has begun; 0 before."""
    bytes_sent = 0
    cookies: Sequence[tuple[bytes, bytes]] = ()
    """The `Set-Cookie` headers of the response, which cannot be joined into one."""
    coder: Coder | None = None
    """Compresses a body that is sent in pieces."""
    span: Any = None
    """The span of OpenTelemetry, when traces are on."""
    cors: Cors | None = None
    """Adds the headers for pages of other origins, if there are any."""
    slot: Limiter | None = None
    """The limiter in which it holds a slot."""
    unread: Receive | None = None
    """Returns what the client still sends of its body, if it may not have arrived whole."""
    watch: Stopwatch | None = None
    """Measures the application, for `Server-Timing`."""
    opened_at = 0.0
    """When it became an event stream or a WebSocket, if it is one."""
    close_code = 0
    """The code with which a WebSocket was closed."""

    def __init__(
        self,
        scope: Scope,
        fields: Fields,
        send: Send,
        compression: Compression,
        options: EdgeOptions,
    ) -> None:
        self.began_at = time.perf_counter()
        super().__init__(choose_request_id(fields), scope=scope)
        self.request = fields
        self.method: str = scope["method"]
        self.send = send
        self.compression = compression
        self.options = options
        if options.timing:
            self.spans = CountedSpans()
        current.set(self)

    async def __call__(self, message: Message) -> None:
        """Take one message of the response.

        Its start waits for the first of the body, on which headers depend.
        """
        kind = message["type"]
        if kind == "http.response.start":
            self.start = message
            return
        if self.status and self.method == "HEAD":
            raise HeadDoneError
        body = message.get("body", b"")
        more = message.get("more_body", False)
        is_body = kind == "http.response.body"
        if self.status and is_body:
            await self.send_piece(body, more)
        elif self.status or self.start is None:
            await self.send(message)
        else:
            status = self.start["status"]
            fields, self.cookies = headers.split_cookies(self.start["headers"])
            if is_body:
                await self.respond(status, body, fields, more)
            else:  # a file, which the server sends itself
                await self.send(self.begin(status, fields))
                await self.send(message)

    async def respond(self, status: int, body: bytes, fields: Fields, more: bool = False) -> None:
        """Send a whole response, or the start and the first piece of one that goes on."""
        length = len(body)
        if more:
            length = int(fields.get(b"content-length", self.compression.options.minimum_bytes))
        is_complete_read = status == 200 and self.method in ("GET", "HEAD") and not more
        is_unchanged = is_complete_read and self.is_not_modified(body, fields)
        coding = self.compression.negotiate(self.request, status, fields, length)
        if is_unchanged:
            status = 304
            body = b""
            coding = None
            fields = {name: value for name, value in fields.items() if name not in BODY_HEADERS}

        is_head = self.method == "HEAD"
        if coding and not is_head:
            if more or length > PIECE_BYTES:
                self.coder = make_coder(coding)
            else:
                with Span("compression"):
                    body = self.compression.compress(coding, body)

        is_length_unknown = more or self.coder or (coding and is_head)
        if not is_length_unknown and status not in BODILESS:
            fields[b"content-length"] = b"%d" % len(body)
        await self.send(self.begin(status, fields))
        if not is_head:
            await self.send_piece(body, more)
            return
        await self.send_bytes(b"", more=False)
        if more:
            raise HeadDoneError

    def is_not_modified(self, body: bytes, fields: Fields) -> bool:
        """Return whether the client already has this body, by RFC 9110 §8.8.3.2.

        Adds an ETag, and a `Cache-Control` that lets the client keep the body and makes it ask
        before it uses it again. With `no-store` it adds neither, since nobody keeps the body.
        """
        etag = fields.get(b"etag")
        control = fields.get(b"cache-control", b"")
        if b"no-store" in control.lower() or b"content-range" in fields:
            return False
        if not etag:
            if len(body) > MAX_HASHED_BYTES:
                return False
            # A weak one, which stays valid when the body is compressed.
            etag = b'W/"%b"' % xxh3_128_hexdigest(body).encode()
            fields[b"etag"] = etag
        if not control:
            fields[b"cache-control"] = b"private, no-cache"
        known = self.request.get(b"if-none-match", b"")
        return known.strip() == b"*" or etag.removeprefix(b"W/") in ETAG.findall(known)

    def begin(self, status: int, fields: Fields) -> Message:
        """Return the start of the response, with the headers that every response has."""
        self.status = status
        fields = {**PROTECTIVE_HEADERS, **fields, b"x-request-id": self.id.encode()}
        if isinstance(self.spans, CountedSpans):
            total = time.perf_counter() - self.began_at
            fields[b"server-timing"] = describe_timing(self.spans, total, self.watch)
        if self.cors:
            self.cors.add_headers(self.request, fields)
        if self.cookies:
            fields.pop(b"set-cookie")
        pairs = [*fields.items(), *self.cookies]
        return {"type": "http.response.start", "status": status, "headers": pairs}

    async def send_piece(self, body: bytes, more: bool) -> None:
        """Send a part of the body, compressed so that the client can decode all of it at once.

        A stream may pause after it.
        """
        coder = self.coder
        if coder is None:
            await self.send_bytes(body, more)
            return
        last = max(0, len(body) - 1) // PIECE_BYTES * PIECE_BYTES
        for offset in range(0, last, PIECE_BYTES):
            with Span("compression"):
                packed = coder.feed(body[offset : offset + PIECE_BYTES])
            if packed:
                await self.send_bytes(packed, more=True)
            await asyncio.sleep(0)
        with Span("compression"):
            packed = coder.feed(body[last:])
            packed += coder.flush() if more else coder.finish()
        await self.send_bytes(packed, more)

    async def send_bytes(self, body: bytes, more: bool) -> None:
        """Hand bytes to the server. From the first piece of a stream on, the client has to keep up.

        `slow_clients.py` lists where else a client is cut off.
        """
        self.bytes_sent += len(body)
        if self.unread and body and not more and b"expect" not in self.request:
            # The server closes the connection after the last byte, so that waits. A client that
            # asked whether to continue sends nothing.
            await self.send({"type": "http.response.body", "body": body[:-1], "more_body": True})
            await self.discard_body(self.unread)
            self.unread = None
            body = body[-1:]
        if more:
            self.ends_at = inf
            self.expires_at = time.monotonic() + self.options.stall_timeout
        await self.send({"type": "http.response.body", "body": body, "more_body": more})
        if more:
            self.expires_at = inf

    async def discard_body(self, receive: Receive) -> None:
        """Read the rest of a body that was answered early, until its client is done or pauses.

        If the connection were closed while it sends, its system would report a reset, and drop the
        answer. Source: RFC 9112 §9.6.
        """
        asked_at = time.perf_counter()
        self.expires_at = inf
        discarded = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while discarded < LINGER_BYTES:
                    message = await asyncio.wait_for(receive(), LINGER_PAUSE)
                    if not message.get("more_body", False):
                        break
                    discarded += len(message["body"])
        self.began_at += time.perf_counter() - asked_at  # a client's time


def choose_request_id(request: Fields) -> str:
    """Return the caller's request id when it is acceptable, else a new one."""
    given = request.get(b"x-request-id", b"")
    return given.decode() if ACCEPTED_ID.fullmatch(given) else os.urandom(16).hex()
