# kit: updated by the template; extend it from app.py
"""What the headers of a response say about its encodings, and whether it may have any."""

import re
from functools import lru_cache

from service.kit.edge import asgi

TEXT = re.compile(
    rb"text/.+|image/svg\+xml|application/(?:.+\+)?(?:json|xml|yaml|csv|toml|sql|javascript|wasm)"
    rb"|application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-seq)",
    re.IGNORECASE,
)
"""The media types that are worth compressing."""

UNENCODED = frozenset({204, 205, 206, 304})
"""Statuses without a body, or with a part of one."""


def is_compressible(status: int, fields: dict[bytes, bytes]) -> bool:
    """Return whether a response with this status and these headers is text, is not encoded yet, and may be."""
    return (
        status not in UNENCODED
        and is_text(fields.get(b"content-type", b""))
        and b"content-encoding" not in fields
        and b"set-cookie" not in fields
        and b"no-transform" not in fields.get(b"cache-control", b"").lower()
    )


@lru_cache(maxsize=256)
def is_text(media_type: bytes) -> bool:
    """Return whether a media type is worth compressing."""
    return TEXT.fullmatch(media_type.partition(b";")[0].strip()) is not None


def vary(headers: asgi.Headers) -> asgi.Headers:
    """Return the headers with a `Vary` that names `Accept-Encoding`, besides whatever else it names."""
    given = [value for name, value in headers if name == b"vary"]
    if not given:
        return [*headers, (b"vary", b"accept-encoding")]
    merged = b", ".join(given)
    if {b"accept-encoding", b"*"} & {name.strip() for name in merged.lower().split(b",")}:
        return headers
    return [*(pair for pair in headers if pair[0] != b"vary"), (b"vary", merged + b", accept-encoding")]


def unmeasured(headers: asgi.Headers) -> asgi.Headers:
    """Return the headers of a body that may be encoded: without a length, and without the promise of the same bytes.

    A strong `ETag` is that promise, and codings differ in theirs; a weak one says that the meaning is the same.
    """
    return weaken([pair for pair in headers if pair[0] != b"content-length"])


def encoded(headers: asgi.Headers, coding: bytes) -> asgi.Headers:
    """Return the headers of a body that is encoded, but for its length."""
    return [*unmeasured(headers), (b"content-encoding", coding)]


def weaken(headers: asgi.Headers) -> asgi.Headers:
    """Return the headers with a weak `ETag`, if any."""
    return [
        (name, b"W/" + value if name == b"etag" and not value.startswith(b"W/") else value) for name, value in headers
    ]
