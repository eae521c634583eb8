# kit: updated by the template; extend it from app.py
"""Calls to other services, bounded and repeated; imported when a client is made, since httpx2 takes
long to import.
"""

import asyncio
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from contextvars import Context
from functools import partial
from math import inf
from typing import Any, Self

import httpcore2
import httpx2
import structlog

from service.kit.calls.client import ClientOptions
from service.kit.offload.offload import ThreadPool
from service.kit.work import metrics, tracing
from service.kit.work.context import request_id
from service.kit.work.limits import FullError, Limiter, Span, time_left
from service.kit.work.problems import Problem

log = structlog.get_logger()


REPEATABLE = ("DELETE", "GET", "HEAD", "OPTIONS", "PUT")


BUSY = (429, 502, 503, 504)


class CallError(Problem, httpx2.TransportError):
    """A call that came to nothing. The problem names no host; the log does."""


class AnswerError(Exception):
    """An answer of no use. `seconds` have to pass before the call is repeated."""

    seconds = inf


UNSENT = (httpcore2.ConnectError, httpcore2.ConnectTimeout)


LATE = (TimeoutError, httpcore2.TimeoutException)


BROKEN = (
    httpcore2.NetworkError,
    httpcore2.ProxyError,
    httpcore2.RemoteProtocolError,
    httpx2.DecodingError,
)


FAILED = (*LATE, *BROKEN, FullError, AnswerError)


FULL = "Too many calls to another service are under way. Try again shortly."


class Network(httpcore2.AsyncNetworkBackend):
    """Connects to hosts whose names were found in its own threads: a lookup can hang, and the
    database needs others.
    """

    def __init__(self, patience: float) -> None:
        self.sockets: Any = httpcore2.AnyIOBackend()
        self.threads = ThreadPool("name", limit=4, waiters=100, patience=patience)
        self.lookups: dict[str, asyncio.Task[object]] = {}

    async def connect_tcp(
        self, host: str, port: int, *rest: Any, **options: Any
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(options["timeout"]):
                await self.look_up(host)
        except (OSError, Problem) as error:
            kind = (
                httpcore2.ConnectTimeout
                if isinstance(error, TimeoutError)
                else httpcore2.ConnectError
            )
            raise kind(f"its name was not found: {error}") from error
        stream: httpcore2.AsyncNetworkStream = await self.sockets.connect_tcp(
            host, port, *rest, **options
        )
        return stream

    async def look_up(self, host: str) -> None:
        """Return when a name is found. All who ask at once share a lookup, so a dead name occupies
        one thread.
        """
        if host not in self.lookups:
            look = partial(socket.getaddrinfo, host, None)
            task = asyncio.create_task(self.threads.run("getaddrinfo", look), context=Context())
            task.add_done_callback(
                lambda _: (self.lookups.pop(host), task.cancelled() or task.exception())
            )
            self.lookups[host] = task
        await asyncio.shield(self.lookups[host])


class Transport(httpx2.AsyncBaseTransport):
    """Makes the calls of one worker."""

    def __init__(
        self,
        options: ClientOptions,
        verify: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self.options = options
        self.places: dict[str, Limiter] = {}
        self.network = Network(options.connect_timeout)
        self.pool = httpcore2.AsyncConnectionPool(
            verify or httpx2.create_ssl_context(),
            make_proxy(proxy) if proxy else None,
            max_connections=options.connections * (options.hosts + 1),
            max_keepalive_connections=options.connections,
            keepalive_expiry=5.0,  # less than most servers keep one: what both use and close at once fails
            network_backend=self.network,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make a call, under the id of the work that it is for. Raises `CallError`."""
        options, host = self.options, request.url.netloc.decode()
        if identity := request_id():
            request.headers.setdefault("x-request-id", identity)
        if len(self.places) >= options.hosts and host not in self.places:
            host = "other"
        limiter = Limiter(options.connections, options.waiters, options.wait, FULL, "client")
        places = self.places.setdefault(host, limiter)
        call = Call(self, request, host)
        async with AsyncExitStack() as closing:
            closing.callback(call.count)
            try:
                with Span("calls"):
                    async with call.limit():
                        await places.enter()
                    closing.callback(places.leave)
                    response = await call.make()
            except FAILED as error:
                raise call.fail(error) from error
            closing.push_async_callback(call.answer.aclose)
            call.closing = closing.pop_all()
            return response

    async def __aenter__(self) -> Self:
        await self.network.sockets.sleep(
            0
        )  # imports what the first call would wait for, some 50 ms
        return self

    async def aclose(self) -> None:
        await self.pool.aclose()
        await self.network.threads.close(0)


def make_proxy(address: str) -> httpcore2.Proxy:
    """Return a proxy over HTTP, with the name and password that its address has."""
    proxy = httpx2.Proxy(address)
    return httpcore2.Proxy(str(proxy.url), auth=proxy.raw_auth)


class Call(httpx2.AsyncByteStream):
    """One call: its attempts, then the body of its answer. It keeps its place at the host until it
    is closed.
    """

    answer: httpcore2.Response
    closing: AsyncExitStack
    pieces: AsyncIterator[bytes]
    outcome = "cancelled"

    def __init__(self, transport: Transport, request: httpx2.Request, host: str) -> None:
        self.transport, self.request, self.host = transport, request, host
        whole = request.extensions["timeout"]["read"]
        self.began_at = time.monotonic()
        self.ends_at = self.began_at + time_left(inf if whole is None else whole)

    def count(self) -> None:
        metrics.get_metrics().call_seconds.labels(self.host, self.outcome).observe(
            time.monotonic() - self.began_at
        )

    def limit(self) -> asyncio.Timeout:
        return asyncio.timeout(None if self.ends_at == inf else self.ends_at - time.monotonic())

    async def make(self) -> httpx2.Response:
        """Return the answer, after as many attempts as are allowed and worthwhile."""
        request = self.request
        may_repeat = request.method in REPEATABLE or "idempotency-key" in request.headers
        may_repeat &= isinstance(request.stream, httpx2.ByteStream)  # others can be read once
        retries = self.transport.options.retries
        for attempt in range(retries):
            try:
                return await self.attempt(attempt)
            except FAILED as error:
                wait = max(getattr(error, "seconds", 0), random.uniform(0, 0.1 * 2**attempt))
                if time.monotonic() + wait >= self.ends_at or not (
                    may_repeat or isinstance(error, UNSENT)
                ):
                    raise
            metrics.get_metrics().call_retries.labels(self.host).inc()
            await asyncio.sleep(wait)
        return await self.attempt(retries)

    async def attempt(self, number: int) -> httpx2.Response:
        """Send the request once, as a span of the trace, and return the answer when it begins."""
        request, url, traces = self.request, self.request.url, tracing.active_traces.get()
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        span = traces and traces.begin_call(request.method, url.host, target.origin.port, number)
        status, error = 0, ""
        try:
            answer = await self.send(target, tracing.trace_headers(span))
            status = answer.status
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            if span:
                traces.end_call(span, status, error)
        return await self.take(answer)

    async def send(self, target: httpcore2.URL, headers: Mapping[str, str]) -> httpcore2.Response:
        """Send the request once, with headers that it does not have of its own."""
        request = self.request
        more = [
            (name.encode(), value.encode())
            for name, value in headers.items()
            if name not in request.headers
        ]
        given = {
            **request.extensions,
            "timeout": {"connect": request.extensions["timeout"]["connect"]},
        }
        every = [*request.headers.raw, *more]
        sent = httpcore2.Request(
            request.method, target, headers=every, content=request.stream, extensions=given
        )
        async with self.limit():
            return await self.transport.pool.handle_async_request(sent)

    async def take(self, answer: httpcore2.Response) -> httpx2.Response:
        """Return an answer, unless it is of no use."""
        fields = httpx2.Headers(answer.headers)
        if answer.status >= 500 or answer.status == 429:
            await answer.aclose()
            error = AnswerError(f"it answered {answer.status}")
            asked = fields.get("retry-after", "0")
            if answer.status in BUSY and asked.isascii() and asked.isdigit():  # "²" is a digit too
                error.seconds = float(asked)
            raise error
        self.answer, self.outcome = answer, f"{answer.status // 100}xx"
        self.pieces = httpx2.Response(
            200, headers=fields, content=answer.aiter_stream()
        ).aiter_bytes()
        if fields.pop("content-encoding", ""):
            fields.pop("content-length", "")
        return httpx2.Response(
            answer.status, headers=fields, stream=self, extensions=answer.extensions
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body, unpacked."""
        size, most = 0, self.transport.options.answer_bytes
        try:
            while True:
                with Span("calls"):
                    async with self.limit():
                        piece = await anext(self.pieces, b"")
                if not piece:
                    return
                if (size := size + len(piece)) > most:
                    raise AnswerError(f"it has more than {most:,} bytes")
                yield piece
        except FAILED as error:
            raise self.fail(error) from error

    def fail(self, error: Exception) -> CallError:
        """Return what the caller gets, and write down what happened."""
        log.warning(
            "call failed", method=self.request.method, host=self.request.url.host, error=repr(error)
        )
        if isinstance(error, FullError):
            self.outcome = "refused"
            return CallError(error.status, error.kind, error.detail, headers=error.headers)
        is_late = isinstance(error, LATE)
        self.outcome, text = ("late", "took too long") if is_late else ("failed", "failed")
        detail = f"Another service that this needs {text}. Check whether the request took effect before retrying."
        return CallError(504 if is_late else 502, f"peer-{self.outcome}", detail)

    async def aclose(self) -> None:
        await self.closing.aclose()
