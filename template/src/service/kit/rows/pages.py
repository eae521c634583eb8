# kit: updated by the template; extend it from app.py
"""Pages by keyset: one starts after the last row of the page before it, so page 10,000 costs what page 1 costs.

A cursor holds that row's sort values. It carries a digest over them, the list, its sort and its filters, so one that
was cut, altered or moved to another list is refused. It is no secret: it holds what the page itself showed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any
from urllib.parse import quote, quote_plus, unquote

import msgspec

from service.kit.edge import invalid

DIGEST_BYTES = 8
DEFAULT_LIMIT = 20
MOST = 100
SAFE = "%&=+:,;@/?!$'()*"
"""What a link takes over from a query string as it is; anything else could end it."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST, description=f"Rows per page, at most {MOST}.")]
Cursor = (
    Annotated[str, msgspec.Meta(max_length=512, description="`next` of the previous page, with the same filters.")]
    | None
)


class Page[Row](msgspec.Struct, frozen=True):
    """One page of a list. `next` is the cursor of the page after it, or null at the end."""

    data: Sequence[Row]
    next: str | None


class Keyset:
    """One ordering of one list under one set of filters, its `identity`: what a cursor is good for."""

    def __init__(self, key: Any, *identity: object) -> None:
        self.key = key
        self.identity = msgspec.json.encode(identity)

    def seal(self, key: tuple[Any, ...]) -> str:
        """Return the cursor of the page that starts after `key`."""
        payload = msgspec.msgpack.encode(key)
        digest = blake2b(self.identity + payload, digest_size=DIGEST_BYTES).digest()
        return urlsafe_b64encode(payload + digest).rstrip(b"=").decode()

    def open(self, cursor: str) -> tuple[Any, ...]:
        """Return the key in a cursor, or raise a 422 problem."""
        try:
            sealed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            key: tuple[Any, ...] = msgspec.msgpack.decode(sealed[:-DIGEST_BYTES], type=self.key)
            if self.seal(key) == cursor:  # so there is one spelling of a cursor, and its digest is right
                return key
        except ValueError:
            pass
        raise invalid("cursor", "it belongs to another list, sort or filter, or was altered; start without it")


def link(query_string: str, cursor: str) -> str:
    """Return the header `Link` (RFC 8288) to the next page of a list that was asked for with this query string.

    The target is relative, so it holds behind any proxy and path prefix.
    """
    kept = [part for part in query_string.split("&") if part and unquote(part.partition("=")[0]) != "cursor"]
    return f'<?{quote("&".join([*kept, f"cursor={quote_plus(cursor)}"]), SAFE)}>; rel="next"'


def instant(field: str, value: datetime) -> datetime:
    """Return a time of a request in UTC, or raise a 422 problem that names the field."""
    if value.tzinfo is None:
        raise invalid(field, "it needs its offset from UTC, like 2026-01-31T09:30:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise invalid(field, "it must lie in the years 1 to 9999, in UTC") from None
