# kit: updated by the template; extend it from app.py
"""What becomes of a response on its way out: ETag and 304, HEAD, compression, the headers that each
has, stalls.
"""

import asyncio
import os
import re
import time
from math import inf
from typing import Any

from xxhash import xxh3_128_hexdigest

from service.kit.edge.compression import Coder, Compression, make_coder
from service.kit.work import asgi, headers
from service.kit.work.context import Work, current
from service.kit.work.limits import Limiter, Span, TimeLimit

ACCEPTED_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
"""The request ids that callers may send. Anything else could forge log lines, so it is replaced."""
PROTECTION = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
"""What a response says unless its handler says otherwise: browsers neither guess its type, frame it
nor keep it.

Source: the REST security cheat sheet of OWASP. HSTS belongs to whatever ends TLS.
"""
MOST_HASHED = 262_144
"""Longer bodies get no ETag from here."""
PIECE = 65_536
"""Bytes compressed at once, in 0.1 to 0.4 ms. Other requests run between the pieces of a longer
body."""
TAG = re.compile(rb'"[^"]*"')
BODILESS = (204, 304)
DESCRIBES_BODY = (
    b"content-encoding",
    b"content-language",
    b"content-length",
    b"content-type",
    b"last-modified",
)


class HeadDoneError(Exception):
    """The response to HEAD is complete: whatever streams a body stops here."""


def is_head_done(error: BaseException | None) -> bool:
    """Return whether an error is that one, or was made from it and from no other."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_head_done(each) for each in error.exceptions)
    return isinstance(error, HeadDoneError) or (error is not None and is_head_done(error.__cause__))


class Exchange(Work, TimeLimit):
    """One request and its response. It is the application's `send`, and `respond` is its short
    cut.
    """

    start: asgi.Message | None = None
    coder: Coder | None = None
    span: Any = None
    status = sent = 0
    place: Limiter | None = None
    opened_at = 0.0
    """When it became an event stream, if it is one."""

    def __init__(
        self,
        scope: asgi.Scope,
        fields: asgi.Fields,
        send: asgi.Send,
        compression: Compression,
        stall_timeout: float,
        show_timing: bool,
    ) -> None:
        self.began_at = time.perf_counter()
        self.request = fields
        super().__init__(identify(fields), scope=scope)
        self.method: str = scope["method"]
        self.is_read = self.method in ("GET", "HEAD")
        # The server speaks HTTP/1, which has no other way to announce a body.
        self.has_body = (
            fields.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in fields
        )
        self.send = send
        self.compression = compression
        self.stall_timeout = stall_timeout
        self.show_timing = show_timing
        current.set(self)

    async def __call__(self, message: asgi.Message) -> None:
        """Take one message of the response. Its start waits for the first of the body, on which
        headers depend.
        """
        kind = message["type"]
        if kind == "http.response.start":
            self.start = message
        elif self.status and self.method == "HEAD":
            raise HeadDoneError
        elif self.status and kind == "http.response.body":
            await self.write(message.get("body", b""), message.get("more_body", False))
        elif self.status or self.start is None:
            await self.send(message)
        elif kind != "http.response.body":
            await self.send(
                self.begin(self.start["status"], *headers.split_cookies(self.start["headers"]))
            )
            await self.send(message)
        else:
            body, more = message.get("body", b""), message.get("more_body", False)
            await self.respond(
                self.start["status"], body, *headers.split_cookies(self.start["headers"]), more
            )

    async def respond(
        self,
        status: int,
        body: bytes,
        fields: asgi.Fields,
        cookies: asgi.Headers,
        more: bool = False,
    ) -> None:
        """Send a whole response, or the start and the first piece of one that goes on."""
        is_head = self.method == "HEAD"
        length = (
            int(fields.get(b"content-length", self.compression.options.minimum_bytes))
            if more
            else len(body)
        )
        is_known = not more and status == 200 and self.is_read and self.validate(body, fields)
        coding = self.compression.negotiate(self.request, status, fields, length)
        if is_known:
            status, body, coding = 304, b"", None
            fields = {name: value for name, value in fields.items() if name not in DESCRIBES_BODY}
        if coding and not is_head:
            if more or length > PIECE:
                self.coder = make_coder(coding)
            else:
                with Span("compression"):
                    body = self.compression.compress(coding, body)
        if status not in BODILESS and not more and not (coding and (self.coder or is_head)):
            fields[b"content-length"] = b"%d" % len(body)
        await self.send(self.begin(status, fields, cookies))
        await (self.write if self.coder else self.deliver)(
            b"" if is_head else body, more and not is_head
        )
        if more and is_head:
            raise HeadDoneError

    def validate(self, body: bytes, fields: asgi.Fields) -> bool:
        """Give a read an ETag and `Cache-Control`. Return whether the client has this very body, by
        RFC 9110 §8.8.3.2.

        With `no-store` nothing is added: what nobody keeps cannot be compared.
        """
        tag, control = fields.get(b"etag"), fields.get(b"cache-control", b"")
        if (
            b"no-store" in control.lower()
            or b"content-range" in fields
            or (not tag and len(body) > MOST_HASHED)
        ):
            return False
        if not tag:  # a weak one: it stays when the body is encoded
            fields[b"etag"] = tag = b'W/"%b"' % xxh3_128_hexdigest(body).encode()
        if not control:  # the client may keep it, but asks before it uses it again
            fields[b"cache-control"] = b"private, no-cache"
        if not (known := self.request.get(b"if-none-match")):
            return False
        return known.strip() == b"*" or tag.removeprefix(b"W/") in TAG.findall(known)

    def begin(self, status: int, fields: asgi.Fields, cookies: asgi.Headers) -> asgi.Message:
        """Return the start of the response, with what each has. Server-Timing is for browsers'
        network panels.
        """
        fields = PROTECTION | fields
        fields[b"x-request-id"] = self.id.encode()
        if self.show_timing:
            total = time.perf_counter() - self.began_at
            split = self.spans | {"handler": total - sum(self.spans.values()), "total": total}
            timing = ", ".join(
                f"{name};dur={seconds * 1000:.3f}" for name, seconds in split.items()
            )
            fields[b"server-timing"] = timing.encode()
        headers = [*fields.items()]
        if cookies:
            headers = [*(pair for pair in headers if pair[0] != b"set-cookie"), *cookies]
        self.status = status
        return {"type": "http.response.start", "status": status, "headers": headers}

    async def write(self, body: bytes, more: bool) -> None:
        """Send a part of the body, encoded so that all of it can be decoded at once: whoever
        streams may pause now.
        """
        if self.coder is None:
            return await self.deliver(body, more)
        last = max(0, len(body) - 1) // PIECE * PIECE
        for place in range(0, last, PIECE):
            with Span("compression"):
                packed = self.coder.feed(body[place : place + PIECE])
            if packed:
                await self.deliver(packed, more=True)
            await asyncio.sleep(0)
        with Span("compression"):
            packed = self.coder.feed(body[last:]) + (
                self.coder.flush() if more else self.coder.finish()
            )
        await self.deliver(packed, more)

    async def deliver(self, body: bytes, more: bool) -> None:
        """Hand bytes to the server. From the first piece of a stream on, it is the client that has
        to keep up.
        """
        self.sent += len(body)
        if more:
            self.ends_at, self.expires_at = inf, time.monotonic() + self.stall_timeout
        await self.send({"type": "http.response.body", "body": body, "more_body": more})
        if more:
            self.expires_at = inf


def identify(request: asgi.Fields) -> str:
    """Return the caller's request id when it is acceptable, else a new one."""
    given = request.get(b"x-request-id")
    return given.decode() if given and ACCEPTED_ID.fullmatch(given) else os.urandom(16).hex()
