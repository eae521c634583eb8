# kit: updated by the template; extend it from app.py
"""EDGE_*: what one worker takes from clients, and what it tells them."""

from typing import Annotated

from pydantic import BaseModel, Field

from service.kit.work import addresses
from service.kit.work.options import Lifetime, Seconds


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
        addresses.Networks,
        Field(description="networks of proxies whose X-Forwarded-For is believed"),
    ] = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    log: Annotated[bool, Field(description="write a line for each request")] = True
    timing: Annotated[
        bool, Field(description="tell clients where the time went, in the Server-Timing header")
    ] = False
