# kit: updated by the template; extend it from app.py
"""The address of a client, also behind proxies."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator

from service.kit.work.asgi import Scope

BRACKETED = re.compile(r"\[(.*)\](?::\d{1,5})?", re.ASCII)


WITH_PORT = re.compile(r"([^:]*):\d{1,5}", re.ASCII)
"""An address as proxies also write it: `[2001:db8::1]`, `[2001:db8::1]:443`, `203.0.113.7:4433`."""


@lru_cache(10)
def read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(
        ip_network(split_cookies.strip())
        for split_cookies in text.split(",")
        if split_cookies.strip()
    )


Networks = Annotated[str, AfterValidator(lambda text: text if read_networks(text) else "")]


@lru_cache(1000)
def find_client_address(peer: str, forwarded: str, proxies: str) -> str:
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


def identify_client(scope: Scope) -> str:
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
