# kit: updated by the template; extend it from app.py
"""ASGI: its types, what request headers say, and the two ways to respond below the framework:
whole, or in pieces.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from math import inf
from typing import Annotated, Any

from pydantic import AfterValidator

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]
type Headers = list[tuple[bytes, bytes]]
type Fields = dict[bytes, bytes]

PIECE = 65_536
"""Bytes that a `Stream` sends at once: each send has a price of its own."""
PATIENCE = 0.1
"""Seconds after the last piece from which a `Stream` sends what it has, however little."""
LONGEST_LIST = 1000
"""Characters of an `Accept` or `Accept-Encoding`; a longer one counts as none. Browsers send about
150."""
BRACKETED = re.compile(r"\[(.*)\](?::\d{1,5})?", re.ASCII)
WITH_PORT = re.compile(r"([^:]*):\d{1,5}", re.ASCII)
"""An address as proxies also write it: `[2001:db8::1]`, `[2001:db8::1]:443`, `203.0.113.7:4433`."""
WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


def merge(headers: Headers) -> Fields:
    """Return headers by name. Repeated ones are joined by commas, as RFC 9110 §5.3 allows (but for
    `Set-Cookie`).
    """
    fields = dict(headers)
    if len(fields) < len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def weigh(header: str) -> dict[str, float]:
    """Return the weights (q) that an `Accept` or `Accept-Encoding` gives, by lower-case name, by
    RFC 9110 §12.4.2.

    Malformed members are left out, and other parameters of media ranges are ignored.
    """
    weights = {}
    for member in header.lower().split(",") if len(header) <= LONGEST_LIST else ():
        name, *parameters = [part.strip() for part in member.split(";")]
        if "/" in name:
            parameters = [part for part in parameters if part.startswith("q")]
        if match := WEIGHT.fullmatch(";".join(parameters) if parameters else "q=1"):
            weights[name] = float(match[1])
    return weights


@lru_cache(10)
def read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


Networks = Annotated[str, AfterValidator(lambda text: text if read_networks(text) else "")]


@lru_cache(1000)
def find_address(peer: str, forwarded: str, proxies: str) -> str:
    """Return the address of a client, by `X-Forwarded-For`: that before the last of our proxies.

    Each proxy adds to the end whom it was asked by. At a hop that cannot be read the walk ends,
    with the proxy that wrote it: what stands before may be the client's own words.
    """
    address = read_address(peer)
    for hop in reversed(forwarded.split(",")):
        if address is None or not any(address in network for network in read_networks(proxies)):
            break
        sent_by = read_address(hop.strip(" \t"))
        if sent_by is None:
            break
        address = sent_by
    return str(address or peer)


def name_client(scope: Scope) -> str:
    """Return the address of a client by which to count what it does: of IPv6 its network, since who
    has one has all.
    """
    name = (scope.get("client") or ("",))[0]
    address = read_address(name)
    return str(
        IPv6Network((address, 64), strict=False)
        if isinstance(address, IPv6Address)
        else address or name
    )


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, written with or without a port and brackets, or None if it is not one."""
    if match := BRACKETED.fullmatch(text) or WITH_PORT.fullmatch(text):
        text = match[1]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    # Without its zone, which is any text, and means something on one machine only.
    return address.ipv4_mapped or IPv6Address(int(address))


def part(headers: Headers) -> tuple[Fields, Headers]:
    """Return headers by name, and the cookies among them, which cannot be joined."""
    fields = merge(headers)
    return fields, [
        pair for pair in headers if pair[0] == b"set-cookie"
    ] if b"set-cookie" in fields else []


async def respond(
    send: Send, status: int, body: bytes, media_type: bytes, headers: Headers | Fields
) -> None:
    """Send a whole response. The edge takes it in one call, which costs less than two messages."""
    if whole := getattr(send, "respond", None):
        fields, cookies = part(headers) if isinstance(headers, list) else (headers, [])
        await whole(status, body, {b"content-type": media_type} | fields, cookies)
        return
    listed = headers if isinstance(headers, list) else headers.items()
    pairs = [(b"content-type", media_type), *listed, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


class Stream:
    """A response sent in pieces, as fast as the client reads. Until the first one, an error can
    still be a problem.
    """

    def __init__(self, send: Send, headers: Headers) -> None:
        self.send = send
        self.headers = headers
        self.chunks: list[bytes] = []
        self.size = 0
        self.sent_at = -inf

    async def write(self, chunk: bytes) -> None:
        """Take a chunk, and return when there is room for more."""
        self.chunks.append(chunk)
        self.size += len(chunk)
        if self.size >= PIECE or asyncio.get_running_loop().time() - self.sent_at >= PATIENCE:
            await self.flush()

    async def finish(self) -> None:
        await self.flush(more=False)

    async def flush(self, more: bool = True) -> None:
        if self.sent_at == -inf:
            await self.send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await self.send(
            {"type": "http.response.body", "body": b"".join(self.chunks), "more_body": more}
        )
        self.chunks.clear()
        self.size = 0
        self.sent_at = asyncio.get_running_loop().time()


@asynccontextmanager
async def race(*work: Awaitable[object], seconds: float | None = None) -> AsyncGenerator[bool]:
    """Run work until some of it ends or its time is over, and cancel what is left when the block
    ends.

    Yields whether the first work has ended. Raises what the work raised.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        yield tasks[0] in done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has gone, which shows even while nothing is sent to it."""
    while (await receive())["type"] != "http.disconnect":
        pass
