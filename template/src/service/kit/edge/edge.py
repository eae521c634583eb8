# kit: updated by the template; extend it from app.py
"""The outermost layer: every request is bounded in what it sends and how long it takes, and gets an
answer.
"""

import asyncio
import re
import time
from math import inf

import structlog

from service.kit.edge import health
from service.kit.edge.access_log import LONGEST, AccessLog
from service.kit.edge.bodies import Bodies
from service.kit.edge.compression import Compression, CompressionOptions
from service.kit.edge.events import Streams
from service.kit.edge.options import EdgeOptions
from service.kit.edge.response import PROTECTION, Exchange, identify, is_head_done
from service.kit.work import addresses, asgi, headers, metrics, problems, tracing
from service.kit.work.batch import Batch
from service.kit.work.limits import DeadlineError, Deadlines, Limiter
from service.kit.work.problems import Problem

log = structlog.get_logger()

FAULT = "The request failed on our side. Report the request_id if it keeps failing."
PORT = re.compile(rb":\d*$")
REPORT_SECONDS = 1.0
"""How long refusals are collected for one line in the log."""

BUSY = problems.busy("The service is answering as many requests as it can. Try again shortly.")
SOME_ID = b"0" * 32
REFUSAL = BUSY.encode(SOME_ID.decode())
REFUSAL_HEADERS = [
    (b"content-type", problems.MEDIA_TYPE),
    *BUSY.list_headers(),
    *PROTECTION.items(),
]
"""The answer to one request too many, but for its id. It comes in floods, so it is made once."""


class Edge:
    """Wrap an application: a request id, limits, protective headers, a log line, and problems for
    all errors.

    Responses are compressed, and reads have an ETag. `/livez` and `/readyz` are always answered:
    `ready` returns what keeps the service from answering requests, or None.

    A request is admitted when it is complete, so that slow clients take no place.
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
        self.hosts = frozenset(self.options.hosts.lower().replace(" ", "").encode().split(b",")) - {
            b""
        }
        self.admission = Limiter(self.options.concurrency)
        self.streams = Streams(self.options)
        self.bodies = Bodies(self.options)
        self.deadlines = Deadlines()
        self.access_log = AccessLog()
        self.refusals = Batch(report, REPORT_SECONDS, most=100_000)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        is_request = scope["type"] == "http"
        is_probe = is_request and scope["path"] in health.PATHS
        if is_request and self.admission.running >= self.admission.limit and not is_probe:
            return await self.refuse(scope["headers"], send)
        given = scope.get("headers", [])
        fields = dict(given)
        if len(fields) < len(given):  # some are repeated, which is rare
            fields = headers.merge_headers(given)
        if not is_request:
            self.locate(scope, fields)
            return await self.live(scope, receive, send)
        options = self.options
        exchange = Exchange(
            scope, fields, send, self.compression, options.stall_timeout, options.timing
        )
        problem = None
        traces = tracing.active_traces.get()
        if traces and not is_probe:
            exchange.span = traces.begin_request(exchange.method, exchange.request)
        try:
            await (
                self.health.answer(scope, exchange)
                if is_probe
                else self.serve(exchange, scope, receive)
            )
        except asyncio.CancelledError:
            if not exchange.status:  # the drain is over, and this process ends in a moment
                problem = problems.busy(
                    "The service restarts. Check whether the request took effect before retrying."
                )
                await problem.send(exchange, exchange.id)
            raise
        except Exception as error:
            if is_head_done(error):
                return
            if isinstance(error, Problem):
                problem = error
            else:
                log.exception(
                    "request failed", method=exchange.method, path=scope["path"][:LONGEST]
                )
            if exchange.status:
                if not exchange.is_late:  # it stalled: its client stopped reading
                    metrics.meters().failed.labels(scope.get("path_template", "unmatched")).inc()
                raise  # too late for another answer: the server cuts the connection, so that the client notices
            await (problem or Problem(500, "internal", FAULT)).send(exchange, exchange.id)
        finally:
            self.access_log.record(exchange, scope, problem, logged=options.log and not is_probe)

    async def live(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        metrics.watch_gauge(metrics.meters().in_flight, lambda: self.admission.running)
        metrics.watch_gauge(metrics.meters().receiving, lambda: len(self.bodies.arriving))
        metrics.watch_gauge(metrics.meters().streams, lambda: self.streams.running)
        try:
            await self.app(scope, receive, send)
        finally:
            self.access_log.flush()
            self.refusals.flush()

    async def refuse(self, headers: asgi.Headers, send: asgi.Send) -> None:
        """Answer 503 at the least cost, since admitted requests wait for it: without a line."""
        self.refusals.add(None)
        identity = identify(dict(headers)).encode()
        body = REFUSAL.replace(SOME_ID, identity)
        fields = [
            *REFUSAL_HEADERS,
            (b"x-request-id", identity),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": BUSY.status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def serve(self, exchange: Exchange, scope: asgi.Scope, receive: asgi.Receive) -> None:
        """Let a request through to the application once it is complete."""
        if b"x-forwarded-for" in exchange.request:
            self.locate(scope, exchange.request)
        self.check_host(exchange.request, scope["http_version"])
        exchange.deadlines = self.deadlines
        scope["streams"] = self.streams
        try:
            with exchange:
                if exchange.has_body:
                    receive = await self.bodies.read(exchange, receive)
                if not self.admission.try_enter():
                    self.refusals.add(None)
                    raise problems.busy(BUSY.detail)
                exchange.place = self.admission
                exchange.ends_at = time.monotonic() + self.options.request_timeout
                exchange.expires_at = exchange.ends_at
                if exchange.method == "HEAD":
                    scope["method"] = "GET"  # whose body is left out
                await self.app(scope, receive, exchange)
        except DeadlineError:
            raise late(exchange) from None
        finally:
            exchange.ends_at = inf
            scope["method"] = exchange.method
            if exchange.place:
                exchange.place.leave()

    def locate(self, scope: asgi.Scope, fields: asgi.Fields) -> None:
        """Let the `client` of a request be who sent it to the proxies, rather than the last of
        these.
        """
        if (forwarded := fields.get(b"x-forwarded-for")) and (peer := scope.get("client")):
            if len(forwarded) > LONGEST:  # proxies add to the end; the first one left may be cut
                forwarded = forwarded[-LONGEST:].partition(b",")[2]
            hops = forwarded.decode("latin-1")
            scope["client"] = (
                addresses.find_client_address(peer[0], hops, self.options.proxies),
                peer[1],
            )

    def check_host(self, fields: asgi.Fields, version: str) -> None:
        """Raise a 400 problem when the request is for no host, for several, or for one that is not
        ours.
        """
        host = fields.get(b"host", b"")
        if (not host and version not in ("1", "1.0")) or b"," in host:
            raise Problem(400, "no-host", "Send one Host header.")
        if self.hosts and PORT.sub(b"", host).lower() not in self.hosts:
            raise Problem(
                400, "unknown-host", "This service does not answer for the host of the request."
            )


def late(exchange: Exchange) -> Problem:
    if exchange.status:
        return Problem(504, "stalled", "The client stopped reading the response.")
    if exchange.ends_at == inf:
        return Problem(408, "too-slow", "The body arrived too slowly.")
    return Problem(
        504, "timeout", "The request took too long. Check whether it took effect before retrying."
    )


def report(refusals: list[None]) -> None:
    metrics.count_refusal("admission", len(refusals))
    log.warning("requests refused", count=len(refusals))
