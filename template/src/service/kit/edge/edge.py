# kit: updated by the template; extend it from app.py
"""The outermost layer: it limits the size and time of every request, and always answers."""

import asyncio
import re
import time
from math import inf

import structlog

from service.kit.edge.access_log import MAX_PATH_LENGTH, AccessLog
from service.kit.edge.bodies import Bodies
from service.kit.edge.compression import Compression, CompressionOptions
from service.kit.edge.cors import Cors, is_preflight
from service.kit.edge.events import Streams
from service.kit.edge.health import PROBE_PATHS, Check, Health
from service.kit.edge.options import EdgeOptions
from service.kit.edge.response import (
    PROTECTIVE_HEADERS,
    Exchange,
    choose_request_id,
    is_head_done,
)
from service.kit.edge.slow_clients import explain_cut_off
from service.kit.edge.sockets import METHOD, Socket, check_origin, take_token
from service.kit.edge.stopwatch import RECEIVING, Stopwatch
from service.kit.edge.uploads import Uploads
from service.kit.work import addresses, headers, metrics, tracing
from service.kit.work.asgi import App, Fields, Headers, Receive, Scope, Send
from service.kit.work.batch import Batch
from service.kit.work.limits import DeadlineError, Deadlines, Limiter, charge
from service.kit.work.problems import EncodeProblem, Problem, busy, encode_problem

log = structlog.get_logger()

FAULT = "The request failed on our side. Report the request_id if it keeps failing."
OVERLOADED = "The service is answering as many requests as it can. Try again shortly."
RESTARTING = "The service restarts. Check whether the request took effect before retrying."

PORT = re.compile(rb":\d*$")

MAX_FORWARDED_LENGTH = 500
"""Characters of `X-Forwarded-For` that are read, from its end."""

REPORT_SECONDS = 1.0
"""Seconds for which refusals are collected into one log line."""

SOME_ID = "0" * 32
"""Stands for the id of a request in a refusal, which is encoded once: they come in floods."""


class Edge:
    """Wraps an application in limits: every request has a deadline, an answer and a log line.

    Errors become problems, responses are compressed, and reads have an ETag. `/livez` and `/readyz`
    are always answered: `ready` returns what keeps the service from answering requests, or None.
    When it starts, the application finds the edge in the scope of its lifespan, and tells it the
    shape of errors and which routes take uploads.

    A request is admitted when it is complete, so that slow clients take no slot.
    """

    def __init__(
        self,
        app: App,
        options: EdgeOptions | None = None,
        compression: CompressionOptions | None = None,
        ready: Check | None = None,
    ) -> None:
        self.app = app
        self.shape_problems(encode_problem)
        self.options = options or EdgeOptions()
        self.compression = Compression(compression or CompressionOptions())
        self.health = Health(ready)
        self.cors = Cors(self.options) if self.options.origins else None
        hosts = self.options.hosts.lower().replace(" ", "").encode().split(b",")
        self.hosts = {host for host in hosts if host}
        self.admission = Limiter(self.options.concurrency)
        self.streams = Streams(self.options)
        full = "Too many WebSockets are open. Try again shortly."
        self.sockets = Limiter(self.options.sockets, full=full, reason="socket")
        self.bodies = Bodies(self.options)
        self.uploads = Uploads(self.options, self.admission)
        self.deadlines = Deadlines()
        self.access_log = AccessLog()
        self.refusals = Batch(report_refusals, REPORT_SECONDS, max_items=100_000)

    def shape_problems(self, encode: EncodeProblem) -> None:
        """Send problems as the application shapes them."""
        self.encode_problem = encode
        self.refusal = encode(busy(OVERLOADED), SOME_ID)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            serve = self.run_lifespan if scope["type"] == "lifespan" else self.serve_socket
            return await serve(scope, receive, send)
        is_probe = scope["path"] in PROBE_PATHS
        cors = self.cors
        is_free = is_probe or (cors and is_preflight(scope))
        if self.admission.running >= self.admission.limit and not is_free:
            return await self.refuse(scope["headers"], send)

        given = scope["headers"]
        fields = dict(given)
        if len(fields) < len(given):  # some are repeated, which is rare
            fields = headers.merge_headers(given)
        exchange = Exchange(scope, fields, send, self.compression, self.options)
        exchange.cors = cors
        traces = tracing.active_traces.get()
        if traces and not is_probe:
            exchange.span = traces.begin_request(exchange.method, fields)
        problem = None
        try:
            if is_probe:
                await self.health.answer_probe(scope, exchange)
            elif cors and is_free:
                scope["path_template"] = "preflight"
                await exchange.respond(204, b"", cors.answer_preflight(fields))
            else:
                await self.serve(exchange, scope, receive)
        except asyncio.CancelledError:
            if not exchange.status:  # the drain is over, and this process ends in a moment
                exchange.unread = None
                problem = busy(RESTARTING)
                await self.send_problem(problem, exchange)
            raise
        except Exception as error:
            if is_head_done(error):
                return
            if isinstance(error, Problem):
                problem = error
            await self.send_error(error, exchange, scope)
        finally:
            if not is_probe:
                self.access_log.record(exchange, scope, problem, logged=self.options.log)
            # Its traceback refers to this frame: the two would hold the connection until the
            # garbage collector comes.
            problem = None

    async def run_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application from start to stop."""
        gauges = metrics.get_metrics()
        metrics.watch_gauge(gauges.in_flight, lambda: self.admission.running)
        metrics.watch_gauge(gauges.receiving, lambda: len(self.bodies.arriving))
        metrics.watch_gauge(gauges.open_streams, lambda: self.streams.running)
        metrics.watch_gauge(gauges.open_sockets, lambda: self.sockets.running)
        metrics.watch_gauge(gauges.uploads, lambda: self.uploads.running)
        metrics.watch_gauge(gauges.upload_disk, lambda: self.uploads.disk_bytes)
        scope["edge"] = self
        watching = asyncio.create_task(self.health.watch())
        try:
            await self.app(scope, receive, send)
        finally:
            watching.cancel()
            self.access_log.flush()
            self.refusals.flush()

    async def refuse(self, request: Headers, send: Send) -> None:
        """Answer 503 as cheaply as possible, since admitted requests wait: without a log line."""
        self.refusals.add(None)
        given = dict(request)
        identity = choose_request_id(given)
        status, body, fields = self.refusal
        body = body.replace(SOME_ID.encode(), identity.encode())
        fields = {
            **PROTECTIVE_HEADERS,
            **fields,
            b"x-request-id": identity.encode(),
            b"content-length": b"%d" % len(body),
        }
        if self.cors:
            self.cors.add_headers(given, fields)
        pairs = [*fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    async def serve(self, exchange: Exchange, scope: Scope, receive: Receive) -> None:
        """Let a request through to the application once it is complete."""
        request = exchange.request
        expects_body = has_body(request)
        if expects_body:
            exchange.unread = receive
        self.locate_client(scope, request)
        self.check_host(request, scope["http_version"])
        find_limit = self.uploads.find_limit
        exchange.deadlines = self.deadlines
        scope["streams"] = self.streams
        try:
            with exchange:
                max_bytes = None
                if expects_body and find_limit:
                    max_bytes = find_limit(scope, self.options.upload_bytes)
                if max_bytes is not None:
                    await self.uploads.serve(self.app, exchange, scope, receive, max_bytes)
                    return
                if expects_body:
                    receive = await self.bodies.read_body(exchange, receive)
                if not self.admission.try_enter():
                    self.refusals.add(None)
                    raise busy(OVERLOADED)
                exchange.slot = self.admission
                exchange.ends_at = time.monotonic() + self.options.request_timeout
                exchange.expires_at = exchange.ends_at
                if exchange.method == "HEAD":
                    scope["method"] = "GET"  # whose body is left out
                work = self.app(scope, receive, exchange)
                if self.options.timing:
                    if expects_body:
                        charge(RECEIVING, exchange.began_at)
                    work = exchange.watch = Stopwatch(work)
                await work
        except DeadlineError:
            raise explain_cut_off(exchange) from None
        finally:
            exchange.ends_at = inf
            scope["method"] = exchange.method
            if exchange.slot:
                exchange.slot.leave()

    async def serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run a WebSocket, or answer its handshake with a problem."""
        scope["method"] = METHOD
        fields = headers.merge_headers(scope["headers"])
        socket = Socket(scope, fields, send, self.compression, self.options)
        socket.cors = self.cors
        socket.deadlines = self.deadlines
        socket.subprotocol = take_token(scope)
        problem = None
        try:
            self.locate_client(scope, fields)
            self.check_host(fields, "1.1")
            check_origin(fields, self.cors)
            await socket.serve(self.sockets, self.app, scope, receive)
        except Exception as error:
            if isinstance(error, Problem):
                problem = error
            await self.send_error(error, socket, scope)
        finally:
            self.access_log.record(socket, scope, problem, logged=self.options.log)

    async def send_error(self, error: Exception, exchange: Exchange, scope: Scope) -> None:
        """Answer with the problem for an error.

        Raises the error when it is too late for another answer: the server then cuts the
        connection, so that the client notices.
        """
        if not isinstance(error, Problem):
            path = scope["path"][:MAX_PATH_LENGTH]
            log.exception("request failed", method=exchange.method, path=path)
        if exchange.status:
            if not exchange.is_late:  # if it is, the client stopped reading
                route = scope.get("path_template", "unmatched")
                metrics.get_metrics().failed_responses.labels(route).inc()
                if exchange.span is not None:
                    tracing.active_traces.get().set_error(exchange.span, type(error).__name__)
            raise error
        problem = error if isinstance(error, Problem) else Problem(500, "internal", FAULT)
        await self.send_problem(problem, exchange)

    async def send_problem(self, problem: Problem, exchange: Exchange) -> None:
        status, body, fields = self.encode_problem(problem, exchange.id)
        await exchange.respond(status, body, fields)

    def locate_client(self, scope: Scope, fields: Fields) -> None:
        """Set the `client` of a request to the one that called our proxies, not the last proxy."""
        forwarded = fields.get(b"x-forwarded-for")
        peer = scope.get("client")
        if not forwarded or not peer:
            return
        if len(forwarded) > MAX_FORWARDED_LENGTH:
            # Proxies add to the end; the first one left may be cut.
            forwarded = forwarded[-MAX_FORWARDED_LENGTH:].partition(b",")[2]
        hops = forwarded.decode("latin-1")
        address = addresses.find_client_address(peer[0], hops, self.options.proxies)
        scope["client"] = (address, peer[1])

    def check_host(self, request: Fields, version: str) -> None:
        """Raise a 400 problem for a request with no host, several, or one that is not ours."""
        host = request.get(b"host", b"")
        if (not host and version not in ("1", "1.0")) or b"," in host:
            raise Problem(400, "no-host", "Send one Host header.")
        if self.hosts and PORT.sub(b"", host).lower() not in self.hosts:
            detail = "This service does not answer for the host of the request."
            raise Problem(400, "unknown-host", detail)


def has_body(request: Fields) -> bool:
    """Return whether a body follows. The server speaks HTTP/1, which has no other sign of one."""
    length = request.get(b"content-length", b"0")
    return length != b"0" or b"transfer-encoding" in request


def report_refusals(refusals: list[None]) -> None:
    metrics.count_refusal("admission", len(refusals))
    log.warning("requests refused", count=len(refusals))
