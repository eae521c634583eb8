# kit: updated by the template; extend it from app.py
"""The outermost layer: every request is bounded in what it sends and how long it takes, and gets an answer."""

import asyncio
import re
import time
from collections import Counter
from math import inf
from typing import Annotated

import structlog
from pydantic import BaseModel, Field

from service.kit.edge import asgi, health, metrics, problems
from service.kit.edge.access_log import LONGEST, AccessLog, Batch
from service.kit.edge.compression import Compression, CompressionOptions
from service.kit.edge.limits import Limiter, Seconds
from service.kit.edge.problems import Problem
from service.kit.edge.response import PROTECTION, Exchange, identify

log = structlog.get_logger()

PORT = re.compile(rb":\d*$")
TICK = 0.05
"""Seconds between two looks at all deadlines. A timer for each would cost 0.7 µs, and `asyncio.timeout` 2 µs."""
REPORT_SECONDS = 1.0
"""How long refusals are collected for one line in the log."""


class EdgeOptions(BaseModel, frozen=True):
    """EDGE_*: what one worker takes from clients, and what it tells them."""

    request_timeout: Annotated[Seconds, Field(description="seconds to answer a complete request, then 504")] = 10
    concurrency: Annotated[int, Field(ge=1, le=100_000, description="requests answered at once, then 503")] = 100
    receiving: Annotated[int, Field(ge=1, le=100_000, description="bodies received at once, then 503")] = 1000
    body_bytes: Annotated[int, Field(ge=1, le=2**40, description="the largest request body, then 413")] = 1_000_000
    body_grace: Annotated[Seconds, Field(description="seconds for which a request body may be slow")] = 3
    body_rate: Annotated[int, Field(ge=1, description="bytes per second it needs after that, or 408")] = 10_000
    stall_timeout: Annotated[Seconds, Field(description="seconds a client may not read a stream, then it ends")] = 30
    hosts: Annotated[str, Field(description="comma-separated host names this service answers for; empty: any")] = ""
    log: Annotated[bool, Field(description="write a line for each request")] = True
    timing: Annotated[bool, Field(description="tell clients where the time went, in the Server-Timing header")] = False


class Edge:
    """Wrap an application: a request id, limits, protective headers, a log line, and problems for all errors.

    Responses are compressed, and reads have an ETag. `/livez` and `/readyz` are always answered: `ready` returns what
    keeps the service from answering requests, or None.

    A request waits for its body before it takes one of the places, so that slow clients take none. The bodies that are
    arriving hold no more memory than those of the requests being answered: concurrency times `body_bytes`.
    """

    def __init__(
        self,
        app: asgi.App,
        options: EdgeOptions | None = None,
        compression: CompressionOptions | None = None,
        ready: health.Check | None = None,
    ) -> None:
        self.app = app
        self.options = options or EdgeOptions()
        self.compression = Compression(compression or CompressionOptions())
        self.health = health.Health(ready)
        self.hosts = frozenset(self.options.hosts.lower().replace(" ", "").encode().split(b",")) - {b""}
        self.admission = Limiter(self.options.concurrency)
        self.receiving = Limiter(self.options.receiving)
        self.received = 0
        self.under_way: set[Exchange] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.access_log = AccessLog()
        self.refusals = Batch(report, REPORT_SECONDS, most=100_000)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            return await self.live(scope, receive, send)
        is_probe = scope["path"] in health.PATHS
        if self.admission.running >= self.admission.limit and not is_probe:
            return await self.refuse(scope, send)
        options = self.options
        exchange = Exchange(scope, send, self.compression, options.stall_timeout, options.timing)
        problem = None
        try:
            await (self.health.answer(scope, exchange) if is_probe else self.serve(exchange, scope, receive))
        except Exception as error:
            if exchange.status and exchange.method == "HEAD":
                return  # all of it is sent, and the error is what stopped the body
            if isinstance(error, Problem):
                problem = error
            else:
                log.exception("request failed", method=exchange.method, path=scope["path"][:LONGEST])
            if exchange.status:
                raise  # too late for another answer: the server cuts the connection, so that the client notices
            await (problem or problems.internal()).send(exchange, exchange.id)
        finally:
            self.access_log.record(exchange, scope, problem, logged=options.log and not is_probe)

    async def live(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Run the application from its start to its end, and write what is left to write."""
        metrics.watch(metrics.meters().receiving, lambda: self.receiving.running)
        try:
            await self.app(scope, receive, send)
        finally:
            self.access_log.flush()
            self.refusals.flush()

    async def refuse(self, scope: asgi.Scope, send: asgi.Send) -> None:
        """Answer 503 at the least cost, since admitted requests wait for it and it comes in floods: without a line."""
        identity = identify(asgi.merge(scope["headers"]))
        await self.full("admission").send(send, identity, *PROTECTION.items(), (b"x-request-id", identity.encode()))

    def full(self, reason: str) -> Problem:
        self.refusals.add(reason)
        return problems.busy("The service is answering as many requests as it can. Try again shortly.")

    async def serve(self, exchange: Exchange, scope: asgi.Scope, receive: asgi.Receive) -> None:
        """Let a request through to the application once it is complete."""
        self.check_host(exchange.request, scope["http_version"])
        self.watch(exchange)
        admitted = False
        try:
            if has_body(exchange, scope["http_version"]):
                receive = await self.read_body(exchange, receive)
            if not (admitted := self.admission.try_enter()):
                raise self.full("admission")
            exchange.ends_at = exchange.expires_at = time.monotonic() + self.options.request_timeout
            if exchange.method == "HEAD":
                scope["method"] = "GET"  # whose body is left out
            await self.app(scope, receive, exchange)
        except asyncio.CancelledError:
            if exchange.was_cut_off():
                raise late(exchange) from None
            raise
        finally:
            exchange.ends_at = inf
            scope["method"] = exchange.method
            self.under_way.discard(exchange)
            if admitted:
                self.admission.leave()

    def check_host(self, fields: dict[bytes, bytes], version: str) -> None:
        """Raise a 400 problem when the request is for no host, for several, or for one that is not ours."""
        host = fields.get(b"host", b"")
        if (not host and version not in ("1", "1.0")) or b"," in host:
            raise Problem(400, "no-host", "Send one Host header.")
        if self.hosts and PORT.sub(b"", host).lower() not in self.hosts:
            raise Problem(400, "unknown-host", "This service does not answer for the host of the request.")

    def watch(self, exchange: Exchange) -> None:
        """Cut the request off when it passes its deadline, until it is no longer under way."""
        self.under_way.add(exchange)
        if self.loop is not (loop := asyncio.get_running_loop()):
            self.loop = loop
            loop.call_later(TICK, self.sweep, loop)

    def sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        for exchange in self.under_way:
            if exchange.expires_at <= now:
                exchange.cut_off()
        self.loop = loop if self.under_way else None
        if self.under_way:
            loop.call_later(TICK, self.sweep, loop)

    async def read_body(self, exchange: Exchange, receive: asgi.Receive) -> asgi.Receive:
        """Read a body, and return the `receive` that hands it over in one message.

        It has `body_grace` seconds, and one more for every `body_rate` bytes that arrived. An encoded body is refused:
        it would be larger than what arrives.
        """
        options, began_at = self.options, time.monotonic()
        announced = exchange.request.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > options.body_bytes:
            raise too_large(options.body_bytes)
        if exchange.request.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Problem(415, "unsupported-encoding", "Send the body without content-encoding.")
        if not self.receiving.try_enter():
            raise self.full("receiving")
        chunks: list[bytes] = []
        size, more = 0, True
        try:
            while more:
                exchange.expires_at = began_at + options.body_grace + size / options.body_rate
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(400, "incomplete", "The client went away before its body was complete.")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                self.received += len(chunks[-1])
                if size > options.body_bytes:
                    raise too_large(options.body_bytes)
                if self.received > options.body_bytes * options.concurrency:
                    raise self.full("receiving")
                more = message.get("more_body", False)
        finally:
            exchange.expires_at = inf
            self.received -= size
            self.receiving.leave()
        return hand_over(b"".join(chunks), receive)


def has_body(exchange: Exchange, version: str) -> bool:
    """Return whether a body follows. HTTP/2 needs neither of the two headers, so only the method tells."""
    length = exchange.request.get(b"content-length")
    if length is None:
        return b"transfer-encoding" in exchange.request or (version == "2" and exchange.method not in ("GET", "HEAD"))
    return length != b"0"


def hand_over(body: bytes, receive: asgi.Receive) -> asgi.Receive:
    """Return a `receive` whose first message is the body, and whose others are those of the server."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_whole() -> asgi.Message:
        return waiting.pop() if waiting else await receive()

    return receive_whole


def late(exchange: Exchange) -> Problem:
    """Return the problem of a request that was cut off."""
    if exchange.status:
        return Problem(504, "stalled", "The client stopped reading the response.")
    if exchange.ends_at == inf:
        return Problem(408, "too-slow", "The body arrived too slowly.")
    return Problem(504, "timeout", "The request took too long. Check whether it took effect before retrying.")


def too_large(most: int) -> Problem:
    return Problem(413, "too-large", f"The body is larger than {most:,} bytes. Send less at once.")


def report(reasons: list[str]) -> None:
    """Count refusals, and write one line for all of them."""
    for reason, count in Counter(reasons).items():
        metrics.count_refusal(reason, count)
        log.warning("requests refused", reason=reason, count=count)
