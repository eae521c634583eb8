# kit: updated by the template; extend it from app.py
"""Lets pages of other origins call the service from a browser (CORS).

Without EDGE_ORIGINS none may. With it, each response has the headers that let the page read it,
errors of the edge included, and a preflight is answered at once: without a token, and without one
of the slots that EDGE_CONCURRENCY limits.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from service.kit.edge.compression import add_vary
from service.kit.edge.options import EdgeOptions
from service.kit.edge.origins import ANY_ORIGIN
from service.kit.work.asgi import Fields, Scope
from service.kit.work.problems import Problem

REQUEST_HEADERS = (
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id,"
    " traceparent, tracestate, x-request-id"
)
"""What services read, beside the headers that any page may send."""

RESPONSE_HEADERS = (
    "allow, content-disposition, etag, idempotency-replayed, link, location, retry-after,"
    " server-timing, www-authenticate, x-request-id"
)
"""What services send, beside the headers that any page may read."""


class Cors:
    """The headers for pages of the origins in EDGE_ORIGINS."""

    def __init__(self, options: EdgeOptions) -> None:
        self.origins = options.origins.encode().split(b",")
        self.allows_any = options.origins == ANY_ORIGIN
        self.fields = {
            b"access-control-expose-headers": join_names(RESPONSE_HEADERS, options.cors_exposed)
        }
        if options.cors_credentials:
            self.fields[b"access-control-allow-credentials"] = b"true"
        self.preflight_fields = {
            b"access-control-allow-methods": options.cors_methods.encode(),
            b"access-control-allow-headers": join_names(REQUEST_HEADERS, options.cors_headers),
            b"access-control-max-age": b"%d" % options.cors_max_age,
        }

    def allows(self, origin: bytes) -> bool:
        return self.allows_any or origin in self.origins

    def add_headers(self, request: Fields, fields: Fields) -> None:
        """Add the headers that let the page behind a request read the response.

        A cache may keep a response for pages of several origins. So `Vary` names the origin also
        where none is sent, or where it is refused.
        """
        origin = request.get(b"origin", b"")
        if self.allows_any:
            origin = ANY_ORIGIN.encode()
        else:
            add_vary(fields, b"origin")
        if self.allows(origin):
            fields[b"access-control-allow-origin"] = origin
            fields.update(self.fields)

    def answer_preflight(self, request: Fields) -> Fields:
        """Return the headers that permit a page to send a request, or raise a 403 problem."""
        if self.allows(request.get(b"origin", b"")):
            return {**self.preflight_fields}
        raise refuse_origin()


def is_preflight(scope: Scope) -> bool:
    """Return whether a browser asks if a page may send a request."""
    is_asking = scope["method"] == "OPTIONS"
    return is_asking and b"access-control-request-method" in dict(scope["headers"])


def refuse_origin() -> Problem:
    """403: the request comes from a page that may not send it."""
    detail = "Pages of this origin may not call the service. EDGE_ORIGINS lists those that may."
    return Problem(403, "origin-refused", detail)


def join_names(names: str, further: str) -> bytes:
    return f"{names}, {further}".removesuffix(", ").encode()
