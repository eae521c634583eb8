# kit: updated by the template; extend it from app.py
"""CLIENT_*: the limits of calls to other services."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from service.kit.work.options import Seconds


def parse_overrides(text: str) -> Iterator[tuple[str, str]]:
    """Yield each host with the address that is called instead. Raises ValueError."""
    for part in filter(None, text.replace(" ", "").split(",")):
        host, _, address = part.partition("=")
        scheme, instead, *rest = urlsplit(address)
        if not (host and instead) or scheme not in ("http", "https") or any(rest):
            raise ValueError(f"{part}: write host=http://address:port, with * for all other hosts")
        yield host, address


def check_overrides(text: str) -> str:
    dict(parse_overrides(text))
    return text


class ClientOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """CLIENT_*: how one worker calls other services."""

    timeout: Seconds = 5
    """seconds for a whole call with all its attempts, then 504"""
    connect_timeout: Seconds = 1
    """seconds to find a host and connect to it"""
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    """further attempts at a call that may be repeated"""
    hosts: Annotated[int, Field(ge=1, le=1000)] = 20
    """hosts with limits of their own; all others share one"""
    connections: Annotated[int, Field(ge=1, le=1000)] = 20
    """calls to one host at once"""
    waiters: Annotated[int, Field(ge=0, le=10_000)] = 100
    """calls that may wait for their turn; more get 503"""
    wait: Seconds = 1
    """seconds a call waits for its turn, then 503"""
    answer_bytes: Annotated[int, Field(ge=1, le=2**40)] = 10**7
    """maximum size of an answer in bytes, decoded, then 502"""
    overrides: Annotated[str, AfterValidator(check_overrides)] = ""
    """for tests and development, what to call instead: host=http://127.0.0.1:9000, or *=…"""
