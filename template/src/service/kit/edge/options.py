# kit: updated by the template; extend it from app.py
"""EDGE_*: what one worker takes from clients, and what it tells them."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from service.kit.edge.origins import ANY_ORIGIN, Hosts, Names, Origins
from service.kit.work import addresses
from service.kit.work.options import Lifetime, Seconds


class EdgeOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """EDGE_*: what one worker takes from clients, and what it tells them."""

    request_timeout: Seconds = 10
    """seconds to answer a complete request, then 504"""
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = 100
    """maximum requests answered at once, then 503"""
    receiving: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """bodies received at once; one more ends the oldest"""
    body_bytes: Annotated[int, Field(ge=1, le=2**40)] = 1_000_000
    """maximum size of a request body in bytes, then 413"""
    body_grace: Seconds = 3
    """seconds for which a request body may be slow"""
    body_rate: Annotated[int, Field(ge=1)] = 10_000
    """bytes per second it needs after that, or 408"""
    uploads: Annotated[int, Field(ge=1, le=10_000)] = 20
    """uploads received or answered at once, then 503"""
    upload_bytes: Annotated[int, Field(ge=1, le=2**40)] = 10_000_000
    """maximum size of an upload in bytes, then 413; a route may have its own"""
    upload_files: Annotated[int, Field(ge=1, le=1000)] = 10
    """maximum files in a form, then 413"""
    upload_disk: Annotated[int, Field(ge=1, le=2**50)] = 50_000_000
    """bytes that files of uploads may take on disk, then 503"""
    stall_timeout: Seconds = 30
    """seconds a client may not read a stream or WebSocket, or send no upload"""
    streams: Annotated[int, Field(ge=1, le=65_000)] = 200
    """maximum event streams open at once, then 503"""
    stream_lifetime: Lifetime = 3600
    """seconds until a client has to reopen its stream or WebSocket"""
    heartbeat: Seconds = 15
    """seconds between the heartbeats of an event stream"""
    sockets: Annotated[int, Field(ge=1, le=65_000)] = 100
    """maximum WebSockets open at once, then 503"""
    socket_bytes: Annotated[int, Field(ge=1, le=2**26)] = 65_536
    """maximum size of a message of a WebSocket in bytes, or it closes with 1009"""
    socket_rate: Annotated[int, Field(ge=1, le=100_000)] = 50
    """messages per second that a WebSocket may send, or it closes with 1008"""
    hosts: Hosts = ""
    """comma-separated host names this service answers for; empty: any"""
    proxies: addresses.Networks = (
        "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    )
    """networks of proxies whose X-Forwarded-For is believed"""
    origins: Origins = ""
    """comma-separated origins whose pages may call the service; `*`: any"""
    cors_credentials: bool = False
    """let these pages send cookies; tokens need no such permission"""
    cors_methods: Names = "GET, HEAD, POST, PUT, PATCH, DELETE"
    """methods that these pages may use"""
    cors_headers: Names = ""
    """further request headers that these pages may send"""
    cors_exposed: Names = ""
    """further response headers that these pages may read"""
    cors_max_age: Annotated[int, Field(ge=0, le=86_400)] = 7200
    """seconds a browser may keep these permissions; Chrome keeps them 7200 at most"""
    log: bool = True
    """write a line for each request"""
    timing: bool = False
    """tell clients where the time went, in the Server-Timing header"""

    @model_validator(mode="after")
    def check_credentials(self) -> Self:
        if self.cors_credentials and self.origins == ANY_ORIGIN:
            raise ValueError(
                "EDGE_CORS_CREDENTIALS needs EDGE_ORIGINS to name each origin: with `*`, every"
                " page could act as the user who visits it"
            )
        return self
