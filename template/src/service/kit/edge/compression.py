# kit: updated by the template; extend it from app.py
"""Responses are compressed by what the client accepts; secrets, and what is compressed already, never.

BREACH (breachattack.com) reads a secret from the lengths of compressed answers. It needs many requests that carry the
victim's credentials and text of the attacker, and only a browser adds credentials to such requests by itself: cookies,
and the schemes of `BY_ITSELF`. So nothing is compressed for those; nor what sets a cookie, or says `no-transform`.
"""

import asyncio
import re
from typing import Annotated

from pydantic import BaseModel, Field

from service.kit.edge import asgi, codings, variants
from service.kit.edge.context import Span

PIECE = 65_536
"""Bytes compressed at once: what is longer lets other requests run in between. It takes 0.1 to 0.4 ms."""

BY_ITSELF = re.compile(rb"basic|digest|negotiate|ntlm", re.IGNORECASE)
"""The schemes of `Authorization` that browsers use on their own, as they send cookies."""

NOTHING = codings.Choice(None, required=False)


class CompressionOptions(BaseModel, frozen=True):
    """COMPRESSION_*: what is compressed."""

    enabled: Annotated[bool, Field(description="compress responses; off where a proxy in front does it")] = True
    minimum_bytes: Annotated[int, Field(ge=0, description="a shorter body fits into one packet as it is")] = 1000
    cookies: Annotated[
        bool, Field(description="compress even for requests with cookies: no answer may hold secrets and foreign text")
    ] = False


DEFAULTS = CompressionOptions()


class Compression:
    """Wrap an application: zstd, brotli or gzip for what is text and long enough."""

    def __init__(self, app: asgi.App, options: CompressionOptions = DEFAULTS) -> None:
        self.app = app
        self.options = options
        self.codings = codings.make()

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http" or not self.options.enabled:
            return await self.app(scope, receive, send)
        choice = self.choose(scope["headers"])
        coding = self.codings[choice.name] if choice.name else None
        minimum = 0 if choice.required else self.options.minimum_bytes
        await self.app(scope, receive, Response(send, coding, minimum, is_head=scope["method"] == "HEAD").take)

    def choose(self, headers: asgi.Headers) -> codings.Choice:
        """Return the coding for a request."""
        accepted = b""
        for name, value in headers:
            if name == b"accept-encoding":
                accepted = accepted + b"," + value if accepted else value
            elif (name == b"cookie" and not self.options.cookies) or (
                name == b"authorization" and BY_ITSELF.match(value)
            ):
                return NOTHING
        return codings.choose(accepted)


class Response:
    """One response on its way: its start waits for the first of the body, which decides."""

    __slots__ = ("__weakref__", "coding", "is_head", "minimum", "send", "start", "stream")

    def __init__(self, send: asgi.Send, coding: codings.Coding | None, minimum: int, *, is_head: bool) -> None:
        self.send = send
        self.coding = coding
        self.minimum = minimum
        self.is_head = is_head
        self.start: asgi.Message | None = None
        self.stream: codings.Stream | None = None

    async def take(self, message: asgi.Message) -> None:
        """Pass a message on, compressed where that is due."""
        if message["type"] == "http.response.start":
            await self.open(message)
        elif message["type"] == "http.response.body" and self.stream is not None:
            await self.encode(self.stream, message)
        elif self.start is None:
            await self.send(message)
        else:
            start, self.start = self.start, None
            if message["type"] == "http.response.body" and self.coding is not None:
                await self.decide(start, message, self.coding)
            else:
                await self.send(start)
                await self.send(message)

    async def open(self, start: asgi.Message) -> None:
        """Hold the start of what may be compressed; send on what may not."""
        headers = start["headers"]
        fields = dict(headers)
        if start["status"] == 304 and self.coding:
            headers = variants.weaken(variants.vary(headers))  # the response that it confirms was encoded, perhaps
        elif variants.is_compressible(start["status"], fields):
            headers = variants.vary(headers)
            if self.coding and int(fields.get(b"content-length", self.minimum)) >= self.minimum:
                if not self.is_head:
                    self.start = {**start, "headers": headers}
                    return
                headers = variants.unmeasured(headers)
        await self.send({**start, "headers": headers})

    async def decide(self, start: asgi.Message, message: asgi.Message, coding: codings.Coding) -> None:
        """Encode the body that begins with this message, unless it is short."""
        body = message.get("body", b"")
        if message.get("more_body", False) or len(body) > PIECE:
            await self.send({**start, "headers": variants.encoded(start["headers"], coding.name)})
            self.stream = coding.open()
            return await self.encode(self.stream, message)
        if len(body) >= self.minimum:
            with Span("compression"):
                body = coding.compress(body)
            length = (b"content-length", str(len(body)).encode())
            start = {**start, "headers": [*variants.encoded(start["headers"], coding.name), length]}
        await self.send(start)
        await self.send({**message, "body": body})

    async def encode(self, stream: codings.Stream, message: asgi.Message) -> None:
        """Send one message of a body, encoded. All of it can be decoded at once: whoever streams may pause after it."""
        body, more = message.get("body", b""), message.get("more_body", False)
        last = max(0, len(body) - 1) // PIECE * PIECE
        for place in range(0, last, PIECE):
            with Span("compression"):
                packed = stream.feed(body[place : place + PIECE])
            if packed:
                await self.send({"type": "http.response.body", "body": packed, "more_body": True})
            await asyncio.sleep(0)
        with Span("compression"):
            packed = stream.feed(body[last:]) + (stream.flush() if more else stream.finish())
        await self.send({"type": "http.response.body", "body": packed, "more_body": more})
