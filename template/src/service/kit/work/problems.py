# kit: updated by the template; extend it from app.py
"""Errors as clients see them: RFC 9457 problems, one shape for every status.

A handler raises `Problem`; the edge adds the request id and sends it. Nothing of an exception's own
text reaches a client unless it was written here or in a slice.
"""

from http import HTTPStatus

import msgspec

from service.kit.work import asgi, responses

MEDIA_TYPE = b"application/problem+json"


RETRY_AFTER = 1
"""Seconds a client is asked to wait when the service is busy: about one acquire timeout."""


LONGEST, MOST_ERRORS = 500, 100
"""Characters of a text, and errors in a list: both may echo what a client sent, however long that
is."""


class InvalidField(msgspec.Struct, frozen=True):
    """One rejected input: `field` is its name as the client sent it, `detail` says what is
    accepted.
    """

    field: str
    detail: str

    def clean(self) -> "InvalidField":
        return InvalidField(clean(self.field), clean(self.detail))


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `Problem` on the wire."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: tuple[InvalidField, ...] = ()


class Problem(Exception):
    """An answer that is not a success.

    `kind` names the problem for programs (`urn:problem:<kind>`), `detail` tells people what to do
    next, `errors` names the rejected fields, `headers` are sent along.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *errors: InvalidField,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {kind}: {clean(detail)}")
        self.status = status
        self.kind = kind
        self.detail = clean(detail)
        self.errors = tuple(each.clean() for each in errors[:MOST_ERRORS])
        self.headers = headers or {}

    def encode(self, request_id: str) -> bytes:
        title = HTTPStatus(self.status).phrase
        body = ProblemDetails(
            f"urn:problem:{self.kind}", title, self.status, self.detail, request_id, self.errors
        )
        return msgspec.json.encode(body)

    def list_headers(self) -> asgi.Headers:
        return [(name.encode(), value.encode()) for name, value in self.headers.items()]

    async def send(self, send: asgi.Send, request_id: str) -> None:
        """Send the problem as the response."""
        await responses.respond(
            send, self.status, self.encode(request_id), MEDIA_TYPE, self.list_headers()
        )


def clean(text: str) -> str:
    """Return what can be sent of a text: not all of a long one, and no half of a surrogate pair."""
    return text[:LONGEST].encode("utf-8", "replace").decode()


def invalid(field: str, detail: str) -> Problem:
    """422: one field of the request was understood and is not acceptable."""
    return Problem(422, "invalid", f"{field}: {detail}", InvalidField(field, detail))


def conflict(field: str, detail: str) -> Problem:
    """409: the request is valid but contradicts what is stored."""
    return Problem(409, "conflict", f"{field}: {detail}", InvalidField(field, detail))


def not_found(what: str) -> Problem:
    """404: nothing has this identity, or the caller may not know that it exists."""
    return Problem(404, "not-found", f"{what} does not exist.")


def busy(detail: str) -> Problem:
    """503 with Retry-After: nothing was done, and the same request may succeed shortly."""
    return Problem(503, "busy", detail, headers={"retry-after": str(RETRY_AFTER)})
