# kit: updated by the template; extend it from app.py
"""Makes the client that calls other services over HTTP."""

from typing import TYPE_CHECKING, Any

from service.kit.calls.options import ClientOptions

if TYPE_CHECKING:
    import httpx2


def make_client(options: ClientOptions | None = None, **arguments: Any) -> "httpx2.AsyncClient":
    """Return the client for all calls to other services.

    app.py provides it, and lists it among the resources; handlers ask for `httpx2.AsyncClient`.
    `arguments` are those of that class; `proxy` is the address of an HTTP proxy, and those of the
    environment are not used. No call outlasts the request or job that it is for, and `timeout=`
    bounds a whole call. A call without an answer, or with 429 or 5xx, raises a problem (502, 503 or
    504) that is also an `httpx2.TransportError`.
    """
    # Imported here, since they take 0.1 s, and not every service calls others.
    import httpx2

    from service.kit.calls.transport import Client, Transport

    options = options or ClientOptions()
    verify = arguments.pop("verify", None)
    proxy = arguments.pop("proxy", None)
    chosen: dict[str, Any] = {
        "timeout": httpx2.Timeout(options.timeout, connect=options.connect_timeout),
        **arguments,
    }
    return Client(transport=Transport(options, verify, proxy), **chosen)
