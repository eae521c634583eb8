# kit: updated by the template; extend it from app.py
"""Cursors: the last row of a page, encoded, so that a client can ask for the page after it.

A cursor holds that row's sort values, and a digest over them, the list, its sort and its filters.
So one that was cut, altered or moved to another list is refused. It is not secret: it holds what
the page itself showed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Annotated, Any

from msgspec import Meta, json, msgpack

from service.kit.work.problems import invalid

DIGEST_BYTES = 8

META = Meta(
    max_length=512,
    description="`next` of the previous page, with the same filters.",
)
Cursor = Annotated[str, META] | None


class CursorCodec:
    """Encodes and decodes the cursors of one list, sort and set of filters: its `identity`.

    `key` is the type of a row's sort values.
    """

    def __init__(self, key: Any, *identity: object) -> None:
        self.key = key
        self.identity = json.encode(identity)

    def encode(self, key: tuple[Any, ...]) -> str:
        """Return the cursor of the page that starts after the row with these sort values."""
        payload = msgpack.encode(key)
        bound = self.identity + payload
        digest = blake2b(bound, digest_size=DIGEST_BYTES).digest()
        encoded = urlsafe_b64encode(payload + digest)
        return encoded.rstrip(b"=").decode()

    def decode(self, cursor: str) -> tuple[Any, ...]:
        """Return the sort values in a cursor, or raise a 422 problem."""
        padding = "=" * (-len(cursor) % 4)
        try:
            encoded = f"{cursor}{padding}".encode("ascii")
            payload = urlsafe_b64decode(encoded)[:-DIGEST_BYTES]
            key: tuple[Any, ...] = msgpack.decode(payload, type=self.key)
            # This checks the digest, and that the cursor is encoded as we encode it.
            if self.encode(key) == cursor:
                return key
        except (ValueError, OverflowError):  # like a time whose offset moves it past year 9999
            pass
        reason = "it belongs to another list, sort or filter, or was altered"
        raise invalid("cursor", f"{reason}; start without it")
