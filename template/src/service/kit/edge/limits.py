# kit: updated by the template; extend it from app.py
"""What one worker takes from clients, EDGE_* and the bodies of requests; and what the limits of all
rooms share.
"""

import os
import time
from math import inf
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from service.kit.edge import asgi, metrics
from service.kit.edge.problems import Problem
from service.kit.edge.response import Exchange

Seconds = Annotated[float, Field(gt=0, le=3600)]
Lifetime = Annotated[float, Field(gt=0, le=86_400)]


def check_nesting(**waits: float) -> None:
    """Raise ValueError unless each wait is shorter than the next, so that the error names the true
    cause.
    """
    if [*waits.values()] != sorted({*waits.values()}):
        chain = " < ".join(f"{name} ({seconds:g})" for name, seconds in waits.items())
        raise ValueError(f"each deadline must be shorter than the next: {chain}")


QUOTA = Path("/sys/fs/cgroup/cpu.max")


def count_cores(quota: Path = QUOTA) -> int:
    """Return how many cores this process may use, by the machine, its affinity and the quota of its
    container.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(cores, round(int(allowed) / int(period))))
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return cores


class EdgeOptions(BaseModel, frozen=True):
    """EDGE_*: what one worker takes from clients, and what it tells them."""

    request_timeout: Annotated[
        Seconds, Field(description="seconds to answer a complete request, then 504")
    ] = 10
    concurrency: Annotated[
        int, Field(ge=1, le=100_000, description="requests answered at once, then 503")
    ] = 100
    receiving: Annotated[
        int,
        Field(ge=1, le=100_000, description="bodies received at once; one more ends the oldest"),
    ] = 1000
    body_bytes: Annotated[
        int, Field(ge=1, le=2**40, description="the largest request body, then 413")
    ] = 1_000_000
    body_grace: Annotated[
        Seconds, Field(description="seconds for which a request body may be slow")
    ] = 3
    body_rate: Annotated[
        int, Field(ge=1, description="bytes per second it needs after that, or 408")
    ] = 10_000
    stall_timeout: Annotated[
        Seconds, Field(description="seconds a client may not read a stream, then it ends")
    ] = 30
    streams: Annotated[
        int, Field(ge=1, le=65_000, description="event streams open at once, then 503")
    ] = 200
    stream_lifetime: Annotated[
        Lifetime, Field(description="seconds until a client must open its stream anew")
    ] = 3600
    heartbeat: Annotated[
        Seconds, Field(description="seconds between the heartbeats of an event stream")
    ] = 15
    hosts: Annotated[
        str, Field(description="comma-separated host names this service answers for; empty: any")
    ] = ""
    proxies: Annotated[
        asgi.Networks, Field(description="networks of proxies whose X-Forwarded-For is believed")
    ] = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    log: Annotated[bool, Field(description="write a line for each request")] = True
    timing: Annotated[
        bool, Field(description="tell clients where the time went, in the Server-Timing header")
    ] = False


class Bodies:
    """Request bodies on their way in: bounded in number, size and rate, so that slow clients hold
    little.

    Together they hold no more memory than the bodies of admitted requests may: `concurrency` times
    `body_bytes`. When there are too many, the oldest is given up: a healthy client's body is soon
    complete.
    """

    def __init__(self, options: EdgeOptions) -> None:
        self.options = options
        self.arriving: dict[Exchange, int] = {}

    @property
    def held(self) -> int:
        """Bytes that have arrived."""
        return sum(self.arriving.values())

    async def read(self, exchange: Exchange, receive: asgi.Receive) -> asgi.Receive:
        """Read the body, and return the `receive` that hands it over in one message.

        It has `body_grace` seconds, and one more for every `body_rate` bytes that arrived.
        """
        options, announced = self.options, exchange.request.get(b"content-length", b"")
        self.check(int(announced[:20]) if announced.isdigit() else 0)  # int() refuses 5,000 digits
        if (
            exchange.request.get(b"content-encoding", b"identity").lower() != b"identity"
        ):  # it would become larger
            raise Problem(415, "unsupported-encoding", "Send the body without content-encoding.")
        began_at, chunks, size, more = time.monotonic(), [], 0, True
        self.arriving[exchange] = 0
        try:
            while more:
                if (
                    len(self.arriving) > options.receiving
                    or self.held > options.body_bytes * options.concurrency
                ):
                    self.give_up_oldest()
                exchange.expires_at = began_at + options.body_grace + size / options.body_rate
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(
                        400, "incomplete", "The client went away before its body was complete."
                    )
                chunks.append(message.get("body", b""))
                more = message.get("more_body", False)
                self.arriving[exchange] = size = size + len(chunks[-1])
                self.check(size)
        finally:
            exchange.expires_at = inf
            self.arriving.pop(exchange, None)
        return hand_over(b"".join(chunks), receive)

    def check(self, size: int) -> None:
        if size > self.options.body_bytes:
            raise Problem(
                413, "too-large", f"The body is larger than {self.options.body_bytes:,} bytes."
            )

    def give_up_oldest(self) -> None:
        oldest = next(iter(self.arriving), None)
        if oldest:
            del self.arriving[oldest]
            oldest.expire()
            metrics.count_refusal("receiving")


def hand_over(body: bytes, receive: asgi.Receive) -> asgi.Receive:
    """Return a `receive` whose first message is the body, and whose others are those of the
    server.
    """
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_whole() -> asgi.Message:
        return waiting.pop() if waiting else await receive()

    return receive_whole
