# kit: updated by the template; extend it from app.py
"""Errors as clients see them: RFC 9457 problems, one shape for every status.

A handler raises `Problem`; the edge adds the request id and sends it. An exception that nothing
turns into a problem becomes a 500 without its text. `problem=` of `web.build` gives errors another
shape.
"""

from collections.abc import Callable
from http import HTTPStatus

import msgspec

from service.kit.work.asgi import Fields

MEDIA_TYPE = b"application/problem+json"

RETRY_AFTER = 1
"""Seconds a client is asked to wait when the service is busy: about one acquire timeout."""

MAX_TEXT_LENGTH = 500
"""Maximum characters of a detail, which may echo what a client sent."""

MAX_ERRORS = 100
"""Maximum number of rejected fields that a problem lists."""


class InvalidField(msgspec.Struct, frozen=True):
    """One rejected input: `field` is its name for the client, `detail` says what is accepted."""

    field: str
    detail: str


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error response (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: tuple[InvalidField, ...] = ()


class Problem(Exception):
    """An error response.

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
        self.status = status
        self.kind = kind
        self.detail = make_sendable(detail)
        self.errors = tuple(
            InvalidField(make_sendable(error.field), make_sendable(error.detail))
            for error in errors[:MAX_ERRORS]
        )
        self.headers = headers or {}
        super().__init__(f"{status} {kind}: {self.detail}")

    def encode_headers(self) -> Fields:
        return {name.lower().encode(): value.encode() for name, value in self.headers.items()}


type EncodedProblem = tuple[int, bytes, Fields]
"""The status, the body and the headers of an error response."""

type EncodeProblem = Callable[[Problem, str], EncodedProblem]
"""Makes the response of a problem, for a request with this id."""


def make_details(problem: Problem, request_id: str) -> ProblemDetails:
    return ProblemDetails(
        type=f"urn:problem:{problem.kind}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        request_id=request_id,
        errors=problem.errors,
    )


def encode_problem(problem: Problem, request_id: str) -> EncodedProblem:
    """Return the response of a problem, as RFC 9457 has it."""
    body = msgspec.json.encode(make_details(problem, request_id))
    fields = {**problem.encode_headers(), b"content-type": MEDIA_TYPE}
    return problem.status, body, fields


def make_sendable(text: str) -> str:
    """Return a text cut to its maximum, and without lone surrogates."""
    return text[:MAX_TEXT_LENGTH].encode("utf-8", "replace").decode()


def invalid(field: str, detail: str) -> Problem:
    """422: one field of the request was understood and is not acceptable."""
    return Problem(422, "invalid", f"{field}: {detail}", InvalidField(field, detail))


def conflict(field: str | tuple[str, ...], detail: str) -> Problem:
    """409: the request is valid but contradicts what is stored, by a field or several together."""
    fields = (field,) if isinstance(field, str) else field
    errors = [InvalidField(name, detail) for name in fields]
    return Problem(409, "conflict", f"{', '.join(fields)}: {detail}", *errors)


def not_found(what: str) -> Problem:
    """404: it does not exist, or the caller may not know that it does."""
    return Problem(404, "not-found", f"{what} does not exist.")


def busy(detail: str, kind: str = "busy") -> Problem:
    """503 with Retry-After: nothing was done, and the same request may succeed shortly."""
    return Problem(503, kind, detail, headers={"retry-after": str(RETRY_AFTER)})
