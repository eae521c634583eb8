# kit: updated by the template; extend it from app.py
"""Makes calls to other services: bounded in number and time, and repeated where that is safe.

It is imported when a client is made: httpx2 takes long to import.
"""

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from math import inf
from typing import Self

import httpcore2
import httpx2
import structlog

from service.kit.calls.name_lookup import Network
from service.kit.calls.options import ClientOptions, parse_overrides
from service.kit.work import metrics, tracing
from service.kit.work.context import request_id
from service.kit.work.limits import FullError, Limiter, Span, time_left
from service.kit.work.problems import Problem

log = structlog.get_logger()

REPEATABLE = ("DELETE", "GET", "HEAD", "OPTIONS", "PUT")
"""Methods that have the same effect when a request is repeated (RFC 9110 §9.2.2)."""

BUSY = (429, 502, 503, 504)
"""Statuses by which a service asks to come back later, perhaps with Retry-After."""

KEEP_IDLE = 5.0
"""Seconds that an idle connection is kept: less than most servers keep it, since a request on a
connection that the server is closing fails."""

FULL = "Too many calls to another service are under way. Try again shortly."


class CallError(Problem, httpx2.TransportError):
    """A call without a useful answer. The problem names no host; the log does."""


class AnswerError(Exception):
    """A useless answer. The call may be repeated after `retry_after` seconds, by default never."""

    retry_after = inf


UNSENT = (httpcore2.ConnectError, httpcore2.ConnectTimeout)
LATE = (TimeoutError, httpcore2.TimeoutException)
BROKEN = (
    httpcore2.NetworkError,
    httpcore2.ProxyError,
    httpcore2.RemoteProtocolError,
    httpx2.DecodingError,
)
FAILED = (*LATE, *BROKEN, FullError, AnswerError)


class Client(httpx2.AsyncClient):
    """The client that handlers get."""

    problem_statuses = (502, 504)
    """Those of `CallError`, for the description of each route that is given a client."""


class Transport(httpx2.AsyncBaseTransport):
    """Makes the calls of one worker."""

    def __init__(
        self,
        options: ClientOptions,
        verify: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self.options = options
        pairs = parse_overrides(options.overrides)
        self.overrides = {host: httpx2.URL(address) for host, address in pairs}
        self.limiters: dict[str, Limiter] = {}
        self.network = Network(options.connect_timeout)
        self.pool = httpcore2.AsyncConnectionPool(
            verify or httpx2.create_ssl_context(),
            make_proxy(proxy) if proxy else None,
            max_connections=options.connections * (options.hosts + 1),
            max_keepalive_connections=options.connections,
            keepalive_expiry=KEEP_IDLE,
            network_backend=self.network,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make a call, under the id of the request or job that it is for. Raises `CallError`."""
        if identity := request_id():
            request.headers.setdefault("x-request-id", identity)
        host = self.name_host(request.url)
        call = Call(self, request, host)
        async with AsyncExitStack() as closing:
            closing.callback(call.count)
            try:
                with Span("calls"):
                    limiter = self.find_limiter(host)
                    async with call.limit_time():
                        await limiter.enter()
                    closing.callback(limiter.leave)
                    response = await call.make()
            except FAILED as error:
                raise call.fail(error) from error
            closing.push_async_callback(call.answer.aclose)
            call.closing = closing.pop_all()
            return response

    def find_address(self, url: httpx2.URL) -> httpx2.URL:
        """Return where to connect to: the host itself, unless CLIENT_OVERRIDES has another."""
        host = url.netloc.decode()
        return self.overrides.get(host) or self.overrides.get("*") or url

    def name_host(self, url: httpx2.URL) -> str:
        """Return the name for limits and metrics of a host: "other" beyond CLIENT_HOSTS hosts."""
        host = url.netloc.decode()
        is_known = host in self.limiters
        return host if is_known or len(self.limiters) < self.options.hosts else "other"

    def find_limiter(self, host: str) -> Limiter:
        """Return the limiter of a host, made when the host is first called."""
        options = self.options
        if host not in self.limiters:
            limit = Limiter(options.connections, options.waiters, options.wait, FULL, "client")
            self.limiters[host] = limit
        return self.limiters[host]

    async def __aenter__(self) -> Self:
        await self.network.sockets.sleep(0)  # imports what the first call would wait 50 ms for
        return self

    async def aclose(self) -> None:
        await self.pool.aclose()
        await self.network.threads.close(0)


def make_proxy(address: str) -> httpcore2.Proxy:
    """Return a proxy over HTTP, with the name and the password that its address has."""
    proxy = httpx2.Proxy(address)
    return httpcore2.Proxy(str(proxy.url), auth=proxy.raw_auth)


class Call(httpx2.AsyncByteStream):
    """One call: its attempts, then the body of its answer.

    It keeps its slot at the host until it is closed.
    """

    answer: httpcore2.Response
    closing: AsyncExitStack
    chunks: AsyncIterator[bytes]
    outcome = "cancelled"

    def __init__(self, transport: Transport, request: httpx2.Request, host: str) -> None:
        self.transport = transport
        self.request = request
        self.host = host
        timeout = request.extensions["timeout"]["read"]
        self.began_at = time.monotonic()
        self.ends_at = self.began_at + time_left(inf if timeout is None else timeout)

    def count(self) -> None:
        """Count the call and its time."""
        seconds = time.monotonic() - self.began_at
        metrics.get_metrics().call_seconds.labels(self.host, self.outcome).observe(seconds)

    def limit_time(self) -> asyncio.Timeout:
        """Return a context manager that raises TimeoutError at the deadline of the call."""
        left = self.ends_at - time.monotonic()
        return asyncio.timeout(None if left == inf else left)

    async def make(self) -> httpx2.Response:
        """Return the answer, after as many attempts as are allowed and worthwhile."""
        retries = self.transport.options.retries
        for attempt in range(retries):
            try:
                return await self.attempt(attempt)
            except FAILED as error:
                pause = random.uniform(0, 0.1 * 2**attempt)
                if isinstance(error, AnswerError):
                    pause = max(pause, error.retry_after)
                if not self.may_repeat(error) or time.monotonic() + pause >= self.ends_at:
                    raise
            metrics.get_metrics().call_retries.labels(self.host).inc()
            await asyncio.sleep(pause)
        return await self.attempt(retries)

    def may_repeat(self, error: Exception) -> bool:
        """Return whether repeating a failed attempt cannot have a second effect."""
        request = self.request
        if not isinstance(request.stream, httpx2.ByteStream):
            return isinstance(error, UNSENT)  # its body can be read only once
        is_safe = request.method in REPEATABLE or "idempotency-key" in request.headers
        return is_safe or isinstance(error, UNSENT)

    async def attempt(self, number: int) -> httpx2.Response:
        """Send the request once, as a span of the trace, and return the answer when it begins."""
        request = self.request
        url = request.url
        to = self.transport.find_address(url)
        target = httpcore2.URL(
            scheme=to.raw_scheme, host=to.raw_host, port=to.port, target=url.raw_path
        )
        traces = tracing.active_traces.get()
        span = traces and traces.begin_call(
            request.method, url.scheme, url.host, target.origin.port, number
        )
        status = 0
        version = ""
        error = ""
        try:
            answer = await self.send(target, tracing.trace_headers(span))
            status = answer.status
            version = answer.extensions["http_version"].decode().removeprefix("HTTP/")
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            if span:
                traces.end_call(span, status, version, error)
        return await self.receive(answer)

    async def send(self, target: httpcore2.URL, trace: dict[str, str]) -> httpcore2.Response:
        """Send the request once, with those headers of a trace that it does not have yet."""
        request = self.request
        headers = list(request.headers.raw)
        for name, value in trace.items():
            if name not in request.headers:
                headers.append((name.encode(), value.encode()))
        connect_timeout = {"connect": request.extensions["timeout"]["connect"]}
        sent = httpcore2.Request(
            request.method,
            target,
            headers=headers,
            content=request.stream,
            extensions={**request.extensions, "timeout": connect_timeout},
        )
        async with self.limit_time():
            return await self.transport.pool.handle_async_request(sent)

    async def receive(self, answer: httpcore2.Response) -> httpx2.Response:
        """Return an answer. Raises `AnswerError` for a useless one."""
        headers = httpx2.Headers(answer.headers)
        if answer.status >= 500 or answer.status == 429:
            await answer.aclose()
            raise refuse_answer(answer.status, headers)
        self.answer = answer
        self.outcome = f"{answer.status // 100}xx"
        packed = httpx2.Response(200, headers=headers, content=answer.aiter_stream())
        self.chunks = packed.aiter_bytes()
        if headers.pop("content-encoding", ""):
            headers.pop("content-length", "")
        return httpx2.Response(
            answer.status, headers=headers, stream=self, extensions=answer.extensions
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body, decoded, up to CLIENT_ANSWER_BYTES."""
        size = 0
        max_bytes = self.transport.options.answer_bytes
        try:
            while True:
                with Span("calls"):
                    async with self.limit_time():
                        chunk = await anext(self.chunks, b"")
                if not chunk:
                    return
                size += len(chunk)
                if size > max_bytes:
                    raise AnswerError(f"it has more than {max_bytes:,} bytes")
                yield chunk
        except FAILED as error:
            raise self.fail(error) from error

    def fail(self, error: Exception) -> CallError:
        """Return what the caller gets, and log what happened."""
        host = self.request.url.host
        log.warning("call failed", method=self.request.method, host=host, error=repr(error))
        if isinstance(error, FullError):
            self.outcome = "refused"
            return CallError(error.status, error.kind, error.detail, headers=error.headers)
        advice = "Check whether the request took effect before retrying."
        if isinstance(error, LATE):
            self.outcome = "late"
            detail = f"Another service that this needs took too long. {advice}"
            return CallError(504, "peer-late", detail)
        self.outcome = "failed"
        return CallError(502, "peer-failed", f"Another service that this needs failed. {advice}")

    async def aclose(self) -> None:
        await self.closing.aclose()


def refuse_answer(status: int, headers: httpx2.Headers) -> AnswerError:
    """Return the error for a useless answer, with the pause that it asks for."""
    error = AnswerError(f"it answered {status}")
    asked = headers.get("retry-after", "0")
    if status in BUSY and asked.isascii() and asked.isdigit():  # "²" is a digit too
        error.retry_after = float(asked)
    return error
