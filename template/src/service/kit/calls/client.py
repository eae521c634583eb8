# kit: updated by the template; extend it from app.py
"""The client by which a worker calls other services over HTTP, and its bounds CLIENT_*."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from service.kit.work.options import Seconds

if TYPE_CHECKING:
    import httpx2


class ClientOptions(BaseModel, frozen=True):
    """CLIENT_*: how one worker calls other services."""

    timeout: Annotated[
        Seconds, Field(description="seconds for a whole call with all its attempts, then 504")
    ] = 5
    connect_timeout: Annotated[
        Seconds, Field(description="seconds to find a host and connect to it")
    ] = 1
    retries: Annotated[
        int, Field(ge=0, le=5, description="further attempts at a call that may be repeated")
    ] = 2
    hosts: Annotated[
        int, Field(ge=1, le=1000, description="hosts told apart; all others are as one")
    ] = 20
    connections: Annotated[int, Field(ge=1, le=1000, description="calls to one host at once")] = 20
    waiters: Annotated[
        int, Field(ge=0, le=10_000, description="calls that may wait for that; more get 503")
    ] = 100
    wait: Annotated[Seconds, Field(description="seconds a call waits for that, then 503")] = 1
    answer_bytes: Annotated[
        int, Field(ge=1, le=2**40, description="the largest answer, unpacked, then 502")
    ] = 10**7


def make_client(options: ClientOptions | None = None, **arguments: Any) -> "httpx2.AsyncClient":
    """Return the client for all calls to other services; app.py provides it, and lists it among the
    resources.

    Handlers ask for `httpx2.AsyncClient`, which takes the `arguments`; `proxy` is the address of an
    HTTP proxy. No call outlasts the work that it is for; `timeout=` bounds a whole call. One
    without an answer below 500, or with 429, is a problem of 502 or 504, and an
    `httpx2.TransportError`.
    """
    library, calls = import_module("httpx2"), import_module("service.kit.calls.transport")
    options = options or ClientOptions()
    verify, proxy = arguments.pop("verify", None), arguments.pop("proxy", None)
    transport = calls.Transport(options, verify, proxy)
    timeout = library.Timeout(options.timeout, connect=options.connect_timeout)
    chosen: dict[str, Any] = {"timeout": timeout, **arguments}
    client: httpx2.AsyncClient = library.AsyncClient(
        transport=transport, **chosen
    )  # no proxy of the environment then
    return client
