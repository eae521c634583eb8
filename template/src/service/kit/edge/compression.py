# kit: updated by the template; extend it from app.py
"""Compresses responses with zstd, brotli or gzip, as clients prefer, unless they may hold secrets.

BREACH (breachattack.com) reads a secret from the lengths of compressed responses. It needs many
requests with the victim's credentials and the attacker's text. The only credentials that browsers
add by themselves are cookies and those of `AMBIENT_SCHEMES`, so responses to requests with these
are not compressed, nor are those that set a cookie or say `no-transform`.
"""

import re
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Annotated, NamedTuple

import brotli
from pydantic import BaseModel, Field

from service.kit.work import headers
from service.kit.work.asgi import Fields

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_LEVEL = 1
BROTLI_LEVEL = 2
GZIP_LEVEL = 1
"""The lowest levels that do nearly as well as the next.

docs/compression.md of the template has the figures.
"""

# Smaller windows, and a smaller table of zstd, need less memory; rows compress just as well.
ZSTD_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: ZSTD_LEVEL,
    zstd.CompressionParameter.window_log: 17,
    zstd.CompressionParameter.hash_log: 11,
}
BROTLI_WINDOW_LOG = 16
GZIP_FORMAT = 31
"""`wbits` of zlib: the format of gzip, with the usual window."""

AMBIENT_SCHEMES = re.compile(rb"basic|digest|negotiate|ntlm", re.IGNORECASE)
"""The schemes of `Authorization` that browsers send by themselves, like cookies."""

TEXT_TYPES = re.compile(
    rb"text/.+|image/svg\+xml|application/(?:.+\+)?(?:json|xml|yaml|csv|toml|sql|javascript|wasm)"
    rb"|application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-seq)",
    re.IGNORECASE,
)

UNENCODED = frozenset({204, 205, 206})
"""Statuses of responses without a body, or with a part of one."""


class CompressionOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """COMPRESSION_*: what is compressed."""

    enabled: bool = True
    """compress responses; off where a proxy in front does it"""
    minimum_bytes: Annotated[int, Field(ge=0)] = 1000
    """shorter bodies fit into one packet as they are"""
    cookies: bool = False
    """compress even with cookies: no response may hold both secrets and foreign text"""


class Coder(NamedTuple):
    """Compresses a body in pieces. Each function returns compressed bytes."""

    feed: Callable[[bytes], bytes]
    """Takes a piece, and returns what is ready."""
    flush: Callable[[], bytes]
    """Returns what the client needs to decode everything so far."""
    finish: Callable[[], bytes]
    """Returns the end of the body."""


def make_coder(coding: bytes) -> Coder:
    if coding == b"zstd":
        coder = zstd.ZstdCompressor(options=ZSTD_OPTIONS)
        return Coder(coder.compress, partial(coder.flush, coder.FLUSH_BLOCK), coder.flush)
    if coding == b"br":
        compressor = brotli.Compressor(quality=BROTLI_LEVEL, lgwin=BROTLI_WINDOW_LOG)
        return Coder(compressor.process, compressor.flush, compressor.finish)
    gzip = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_FORMAT)
    return Coder(gzip.compress, partial(gzip.flush, zlib.Z_SYNC_FLUSH), gzip.flush)


class Compression:
    """Compresses the responses of one worker."""

    def __init__(self, options: CompressionOptions) -> None:
        self.options = options
        # Shared by whole bodies: a new one for each would cost 10 µs.
        self.zstd = zstd.ZstdCompressor(options=ZSTD_OPTIONS)

    def compress(self, coding: bytes, body: bytes) -> bytes:
        """Return a whole body, compressed with a coding."""
        if coding == b"zstd":
            return self.zstd.compress(body, self.zstd.FLUSH_FRAME)
        coder = make_coder(coding)
        return coder.feed(body) + coder.finish()

    def negotiate(self, request: Fields, status: int, fields: Fields, length: int) -> bytes | None:
        """Return the coding for a body of this length, or None.

        Changes `fields`, the headers of the response, to say so.
        """
        is_unchanged = status == 304
        if not self.options.enabled or not (is_unchanged or is_compressible(status, fields)):
            return None
        coding, is_required = choose_coding(request.get(b"accept-encoding", b""))
        if coding and self.has_ambient_credentials(request):
            coding = None
        if coding or not is_unchanged:
            add_vary(fields, b"accept-encoding")
        if coding is None:
            return None
        if is_unchanged:
            weaken_etag(fields)  # the response that it confirms may have been encoded
            return None
        if length < self.options.minimum_bytes and not is_required:
            return None
        weaken_etag(fields)
        fields.pop(b"content-length", None)
        fields[b"content-encoding"] = coding
        return coding

    def has_ambient_credentials(self, request: Fields) -> bool:
        """Return whether a browser may have sent its user's credentials by itself."""
        if b"cookie" in request and not self.options.cookies:
            return True
        credentials = request.get(b"authorization", b"")
        # A comma may separate several of them.
        return b"," in credentials or AMBIENT_SCHEMES.match(credentials) is not None


@lru_cache(maxsize=256)
def choose_coding(accepted: bytes) -> tuple[bytes | None, bool]:
    """Return the coding that an `Accept-Encoding` prefers, and whether the body must be encoded.

    By RFC 9110 §12.5.3. In a tie, zstd comes before brotli before gzip.
    """
    qvalues = headers.parse_qvalues(accepted.decode("latin-1"))
    others = qvalues.get("*", 0.0)
    offers = {
        "zstd": qvalues.get("zstd", others),
        "br": qvalues.get("br", others),
        "gzip": qvalues.get("gzip", qvalues.get("x-gzip", others)),
    }
    best = max(offers, key=lambda name: offers[name])
    plain = qvalues.get("identity", qvalues.get("*"))
    if not offers[best] or (plain or 0.0) > offers[best]:
        return None, False
    return best.encode(), plain == 0.0


def is_compressible(status: int, fields: Fields) -> bool:
    return (
        is_text(fields.get(b"content-type", b""))
        and status not in UNENCODED
        and b"content-encoding" not in fields
        and b"set-cookie" not in fields
        and b"no-transform" not in fields.get(b"cache-control", b"").lower()
    )


@lru_cache(maxsize=256)
def is_text(media_type: bytes) -> bool:
    name = media_type.partition(b";")[0]
    return TEXT_TYPES.fullmatch(name.strip()) is not None


def add_vary(fields: Fields, name: bytes) -> None:
    """Add a name, in lower case, to the header `Vary`."""
    given = fields.get(b"vary")
    if given is None:
        fields[b"vary"] = name
        return
    names = {each.strip() for each in given.lower().split(b",")}
    if names.isdisjoint({name, b"*"}):
        fields[b"vary"] = given + b", " + name


def weaken_etag(fields: Fields) -> None:
    """Make a strong ETag weak: a strong one promises the same bytes."""
    etag = fields.get(b"etag", b"W/")
    if not etag.startswith(b"W/"):
        fields[b"etag"] = b"W/" + etag
