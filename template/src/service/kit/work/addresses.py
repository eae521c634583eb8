# kit: updated by the template; extend it from app.py
"""Finds the address of a client, even behind proxies."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator

from service.kit.work.asgi import Scope

BRACKETED = re.compile(r"\[(.*)\](?::\d{1,5})?", re.ASCII)
"""An IPv6 address as some proxies write it: `[2001:db8::1]`, `[2001:db8::1]:443`."""

WITH_PORT = re.compile(r"([^:]*):\d{1,5}", re.ASCII)
"""An IPv4 address with a port: `203.0.113.7:4433`."""


@lru_cache(10)
def parse_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of a comma-separated list. Raises ValueError."""
    names = map(str.strip, text.split(","))
    return tuple(ip_network(name) for name in names if name)


def check_networks(text: str) -> str:
    parse_networks(text)
    return text


Networks = Annotated[str, AfterValidator(check_networks)]
"""A comma-separated list of networks, as an option."""


@lru_cache(1000)
def find_client_address(peer: str, forwarded: str, proxies: str) -> str:
    """Return the address of a client, by `X-Forwarded-For`: the last that is not a proxy of ours.

    Each proxy appends the address that its request came from. An entry that is not an address ends
    the search at the proxy that wrote it: the client may have sent what comes before.
    """
    address = parse_address(peer)
    for hop in reversed(forwarded.split(",")):
        if address is None or not any(address in network for network in parse_networks(proxies)):
            break
        sent_by = parse_address(hop.strip(" \t"))
        if sent_by is None:
            break
        address = sent_by
    return str(address or peer)


def identify_client(scope: Scope) -> str:
    """Return the address under which to count a client's requests.

    For IPv6 it is the /64 network: a client with one of its addresses has all of them.
    """
    client = scope.get("client")
    if not client:
        return ""
    address = parse_address(client[0])
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address or client[0])


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, written with or without port and brackets, or None if it is not one."""
    match = BRACKETED.fullmatch(text) or WITH_PORT.fullmatch(text)
    if match:
        text = match[1]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    # Without its zone, which may be any text, and is valid on one machine only.
    return address.ipv4_mapped or IPv6Address(int(address))
