# kit: updated by the template; extend it from app.py
"""Responses are compressed by zstd, brotli or gzip, as the client prefers; secrets, and what is
compressed, never are.

BREACH (breachattack.com) reads a secret from the lengths of compressed responses. It needs many
requests that carry the victim's credentials and text of the attacker, and browsers add only these
by themselves: cookies, and the schemes of `BY_ITSELF`. So nothing is compressed for them, nor what
sets a cookie or says `no-transform`.
"""

import re
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Annotated, NamedTuple

import brotli
from pydantic import BaseModel, Field

from service.kit.work import asgi, headers

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# The lowest levels that do nearly as well as the next: docs/compression.md of the template has the
# figures. The windows and zstd's table, of 2 ** 11 places, need less memory than by default, and
# rows compress as well.
ZSTD: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.window_log: 17,
    zstd.CompressionParameter.hash_log: 11,
}
BROTLI = {"quality": 2, "lgwin": 16}
GZIP_LEVEL, GZIP_FORMAT = 1, 31

BY_ITSELF = re.compile(rb"basic|digest|negotiate|ntlm", re.IGNORECASE)
"""The schemes of `Authorization` that browsers send on their own, like cookies."""
TEXT = re.compile(
    rb"text/.+|image/svg\+xml|application/(?:.+\+)?(?:json|xml|yaml|csv|toml|sql|javascript|wasm)"
    rb"|application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-seq)",
    re.IGNORECASE,
)
UNENCODED = frozenset({204, 205, 206})
"""Statuses without a body, or with a part of one."""


class CompressionOptions(BaseModel, frozen=True):
    """COMPRESSION_*: what is compressed."""

    enabled: Annotated[
        bool, Field(description="compress responses; off where a proxy in front does it")
    ] = True
    minimum_bytes: Annotated[
        int, Field(ge=0, description="shorter bodies fit into one packet as they are")
    ] = 1000
    cookies: Annotated[
        bool,
        Field(
            description="compress even with cookies: no response may hold both secrets and foreign text"
        ),
    ] = False


class Coder(NamedTuple):
    """`feed` returns what is ready, `flush` what makes all so far decodable, `finish` the end."""

    feed: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    finish: Callable[[], bytes]


def make_coder(coding: bytes) -> Coder:
    if coding == b"zstd":
        coder = zstd.ZstdCompressor(options=ZSTD)
        return Coder(coder.compress, partial(coder.flush, coder.FLUSH_BLOCK), coder.flush)
    if coding == b"br":
        compressor = brotli.Compressor(**BROTLI)
        return Coder(compressor.process, compressor.flush, compressor.finish)
    gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FORMAT)
    return Coder(gzip.compress, partial(gzip.flush, zlib.Z_SYNC_FLUSH), gzip.flush)


class Compression:
    """What one worker compresses."""

    def __init__(self, options: CompressionOptions) -> None:
        self.options = options
        self.zstd = zstd.ZstdCompressor(
            options=ZSTD
        )  # shared by whole bodies: a new one for each would cost 10 µs

    def compress(self, coding: bytes, body: bytes) -> bytes:
        if coding == b"zstd":
            return self.zstd.compress(body, self.zstd.FLUSH_FRAME)
        coder = make_coder(coding)
        return coder.feed(body) + coder.finish()

    def has_credentials_of_a_browser(self, request: asgi.Fields) -> bool:
        """Return whether a browser may have sent the request by itself, with the credentials of its
        user.
        """
        credentials = request.get(b"authorization", b"")
        has_cookie = b"cookie" in request and not self.options.cookies
        return (
            has_cookie or BY_ITSELF.match(credentials) is not None or b"," in credentials
        )  # perhaps several of them

    def negotiate(
        self, request: asgi.Fields, status: int, fields: asgi.Fields, length: int
    ) -> bytes | None:
        """Return the coding for a body of this length, None for none, and let the fields of the
        response say so.
        """
        if not self.options.enabled or not (status == 304 or is_compressible(status, fields)):
            return None
        coding, required = choose(request.get(b"accept-encoding", b""))
        if coding and self.has_credentials_of_a_browser(request):
            coding, required = None, False
        if coding or status != 304:
            add_vary(fields)
        if coding is None or (
            status != 304 and length < self.options.minimum_bytes and not required
        ):
            return None
        if not (tag := fields.get(b"etag", b"W/")).startswith(
            b"W/"
        ):  # a strong one promises the very same bytes
            fields[b"etag"] = b"W/" + tag
        if status == 304:  # the response that it confirms may have been encoded
            return None
        fields.pop(b"content-length", None)
        fields[b"content-encoding"] = coding
        return coding


@lru_cache(maxsize=256)
def choose(accepted: bytes) -> tuple[bytes | None, bool]:
    """Return what an `Accept-Encoding` prefers by RFC 9110 §12.5.3, and whether it refuses a body
    without coding.

    When it is a tie, zstd comes before brotli before gzip.
    """
    weights = {
        name.removeprefix("x-"): weight
        for name, weight in headers.parse_qvalues(accepted.decode("latin-1")).items()
    }
    others = weights.get("*", 0.0)
    offers = {name: weights.get(name, others) for name in ("zstd", "br", "gzip")}
    best = max(offers, key=lambda name: offers[name])
    plain = weights.get("identity", weights.get("*"))
    if not offers[best] or (plain or 0.0) > offers[best]:
        return None, False
    return best.encode(), plain == 0.0


def is_compressible(status: int, fields: asgi.Fields) -> bool:
    return (
        is_text(fields.get(b"content-type", b""))
        and status not in UNENCODED
        and b"content-encoding" not in fields
        and b"set-cookie" not in fields
        and b"no-transform" not in fields.get(b"cache-control", b"").lower()
    )


@lru_cache(maxsize=256)
def is_text(media_type: bytes) -> bool:
    return TEXT.fullmatch(media_type.partition(b";")[0].strip()) is not None


def add_vary(fields: asgi.Fields) -> None:
    """Let `Vary` name `Accept-Encoding`, besides what it names already."""
    given = fields.get(b"vary")
    if given is None:
        fields[b"vary"] = b"accept-encoding"
    elif not {b"accept-encoding", b"*"} & {name.strip() for name in given.lower().split(b",")}:
        fields[b"vary"] = given + b", accept-encoding"
