# kit: updated by the template; extend it from app.py
"""The outermost layer: every request is bounded in what it sends and how long it takes, and gets an answer."""

import asyncio
import re
import time
from math import inf
from typing import Annotated

import structlog
from pydantic import BaseModel, Field

from service.kit.edge import asgi, body, health, problems
from service.kit.edge.admission import Admission
from service.kit.edge.compression import Compression, CompressionOptions
from service.kit.edge.etag import Conditional
from service.kit.edge.exchange import Exchange
from service.kit.edge.journal import Journal
from service.kit.edge.limits import Seconds
from service.kit.edge.problems import Problem

log = structlog.get_logger()

PORT = re.compile(r":\d*$")


class EdgeOptions(BaseModel, frozen=True):
    """EDGE_*: what one worker takes from clients, and what it tells them."""

    request_timeout: Annotated[Seconds, Field(description="seconds until a request is answered, then 504")] = 10
    concurrency: Annotated[int, Field(ge=1, le=100_000, description="requests under way in one worker, then 503")] = 100
    body_bytes: Annotated[int, Field(ge=1, le=2**40, description="the largest request body, then 413")] = 1_000_000
    body_grace: Annotated[Seconds, Field(description="seconds in which a request body may be slow")] = 3
    body_rate: Annotated[int, Field(ge=1, description="bytes per second that it needs then, or 408")] = 10_000
    stall_timeout: Annotated[Seconds, Field(description="seconds a client may not read a stream, then it ends")] = 30
    hosts: Annotated[str, Field(description="names that requests may be for, with commas between; none is any")] = ""
    log: Annotated[bool, Field(description="write a line for each request")] = True
    timing: Annotated[bool, Field(description="tell clients where the time went, in the header Server-Timing")] = False


class Edge:
    """Wrap an application: a request id, limits, protective headers, a log line, and problems for all errors.

    Inside of that, responses are compressed, and reads have an ETag.
    """

    def __init__(
        self,
        app: asgi.App,
        options: EdgeOptions | None = None,
        compression: CompressionOptions | None = None,
    ) -> None:
        self.app = Compression(Conditional(app), compression or CompressionOptions())
        self.options = options or EdgeOptions()
        self.hosts = frozenset(name.strip().lower() for name in self.options.hosts.split(",") if name.strip())
        self.admission = Admission(self.options.concurrency)
        self.journal = Journal()

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            return await self.live(scope, receive, send)
        is_probe = scope["path"] in health.PATHS
        if self.admission.is_full and not is_probe:
            return await self.admission.refuse(scope, send)
        exchange = Exchange(scope, send, self.options.stall_timeout, show_timing=self.options.timing)
        refusal = None
        try:
            if is_probe:
                await self.app(scope, receive, exchange.send)
            else:
                await self.admit(exchange, scope, receive)
        except Problem as problem:
            refusal = problem
            if exchange.started:
                raise
            await exchange.refuse(problem)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if exchange.started:
                raise  # too late for another answer: the server cuts the connection, so that the client notices
            await exchange.refuse(problems.internal())
        finally:
            self.journal.add(exchange, refusal, logged=self.options.log and not is_probe)

    async def live(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Run the application from its start to its end, and account for what is left."""
        try:
            await self.app(scope, receive, send)
        finally:
            self.journal.settle()
            self.admission.report()

    async def admit(self, exchange: Exchange, scope: asgi.Scope, receive: asgi.Receive) -> None:
        """Let a request through to the application, unless it is for another host."""
        self.refuse_foreign_host(scope)
        options = self.options
        seconds = options.request_timeout
        bounded = body.limit(scope, receive, options.body_bytes, options.body_grace, options.body_rate)
        self.admission.under_way += 1
        exchange.ends_at = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds) as exchange.timeout:
                await self.app(scope, bounded, exchange.send)
        except TimeoutError:
            if exchange.timeout and exchange.timeout.expired():
                raise late(exchange) from None
            raise
        finally:
            exchange.ends_at = inf
            self.admission.under_way -= 1

    def refuse_foreign_host(self, scope: asgi.Scope) -> None:
        """Raise a 400 problem when the request is for no host, or for one that is not ours."""
        host = asgi.header(scope, b"host")
        if not host and scope["http_version"] not in ("1", "1.0"):
            raise Problem(400, "no-host", "Send the header host.")
        if self.hosts and PORT.sub("", host or "").lower() not in self.hosts:
            raise Problem(400, "unknown-host", "This service does not answer for the host of the request.")


def late(exchange: Exchange) -> Problem:
    """Return the problem of a request that passed its deadline. What it did until then may stand."""
    if exchange.started:
        return Problem(504, "stalled", "The client stopped reading the response.")
    return Problem(504, "timeout", "The request took too long. Read before you repeat it: it may have taken effect.")
