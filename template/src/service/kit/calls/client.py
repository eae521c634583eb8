# kit: updated by the template; extend it from app.py
"""The client that calls other services over HTTP, and its limits CLIENT_*."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from service.kit.work.options import Seconds

if TYPE_CHECKING:
    import httpx2


class ClientOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """CLIENT_*: how one worker calls other services."""

    timeout: Seconds = 5
    """seconds for a whole call with all its attempts, then 504"""
    connect_timeout: Seconds = 1
    """seconds to find a host and connect to it"""
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    """further attempts at a call that may be repeated"""
    hosts: Annotated[int, Field(ge=1, le=1000)] = 20
    """hosts told apart; all others are as one"""
    connections: Annotated[int, Field(ge=1, le=1000)] = 20
    """calls to one host at once"""
    waiters: Annotated[int, Field(ge=0, le=10_000)] = 100
    """calls that may wait for that; more get 503"""
    wait: Seconds = 1
    """seconds a call waits for that, then 503"""
    answer_bytes: Annotated[int, Field(ge=1, le=2**40)] = 10**7
    """the largest answer, unpacked, then 502"""


def make_client(options: ClientOptions | None = None, **arguments: Any) -> "httpx2.AsyncClient":
    """Return the client for all calls to other services.

    app.py provides it, and lists it among the resources; handlers ask for `httpx2.AsyncClient`.
    `arguments` are those of that class; `proxy` is the address of an HTTP proxy, those of the
    environment are not used. No call outlasts the request or job that it is for, and `timeout=`
    bounds a whole call. A call without an answer below 500, or with 429, raises a problem of 502
    or 504 that is an `httpx2.TransportError` as well.
    """
    # Imported here, for they take 0.1 s, and not every service calls others.
    import httpx2

    from service.kit.calls.transport import Transport

    options = options or ClientOptions()
    verify = arguments.pop("verify", None)
    proxy = arguments.pop("proxy", None)
    chosen: dict[str, Any] = {
        "timeout": httpx2.Timeout(options.timeout, connect=options.connect_timeout),
        **arguments,
    }
    return httpx2.AsyncClient(transport=Transport(options, verify, proxy), **chosen)
