# kit: updated by the template; extend it from app.py
"""Content codings: the one that a client prefers, and the coders that make it."""

import re
import sys
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# The lowest levels that do nearly as well as the next: docs/compression.md of the template has the figures.
BROTLI = 2
GZIP = 1
BROTLI_WINDOW = 16
GZIP_FORMAT = 31
# A window of 128 KB: an open stream holds a quarter less memory than by default, and rows compress as well.
ZSTD: dict[int, int] = {zstd.CompressionParameter.compression_level: 1, zstd.CompressionParameter.window_log: 17}

LONGEST_HEADER = 500
"""A longer `Accept-Encoding` is taken for none: the longest that browsers send has 23 characters."""

MEMBER = re.compile(rb"\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")


class Stream(NamedTuple):
    """One coder at work. `feed` returns what is ready, `flush` what makes all so far decodable, `finish` the end."""

    feed: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    finish: Callable[[], bytes]


class Coding(NamedTuple):
    """A way to encode: a body in one piece by `compress`, a longer one by a stream."""

    name: bytes
    compress: Callable[[bytes], bytes]
    open: Callable[[], Stream]


class Choice(NamedTuple):
    """The name of the coding to use, None for none; and whether the client refuses a body without any."""

    name: bytes | None
    required: bool


def make() -> Mapping[bytes, Coding]:
    """Return the codings by name, for one event loop: they keep the coder that compresses single bodies with zstd."""
    whole = zstd.ZstdCompressor(options=ZSTD)  # a new one for each body would cost 10 µs more
    codings = (
        Coding(b"zstd", partial(whole.compress, mode=whole.FLUSH_FRAME), open_zstd),
        Coding(b"br", partial(brotli.compress, quality=BROTLI, lgwin=BROTLI_WINDOW), open_brotli),
        Coding(b"gzip", partial(zlib.compress, level=GZIP, wbits=GZIP_FORMAT), open_gzip),
    )
    return {coding.name: coding for coding in codings}


def open_zstd() -> Stream:
    """Begin a frame of zstd, RFC 8878."""
    coder = zstd.ZstdCompressor(options=ZSTD)
    return Stream(coder.compress, partial(coder.flush, coder.FLUSH_BLOCK), coder.flush)


def open_brotli() -> Stream:
    """Begin a stream of brotli, RFC 7932."""
    coder = brotli.Compressor(quality=BROTLI, lgwin=BROTLI_WINDOW)
    return Stream(coder.process, coder.flush, coder.finish)


def open_gzip() -> Stream:
    """Begin a member of gzip, RFC 1952."""
    coder = zlib.compressobj(GZIP, zlib.DEFLATED, GZIP_FORMAT)
    return Stream(coder.compress, partial(coder.flush, zlib.Z_SYNC_FLUSH), coder.flush)


@lru_cache(maxsize=256)
def choose(accepted: bytes) -> Choice:
    """Return what an `Accept-Encoding` prefers by RFC 9110 §12.5.3; zstd before brotli before gzip when it is a tie.

    Several headers come joined by commas, none at all as nothing, which asks for no coding. A member that is not
    well-formed counts as absent.
    """
    weights = weigh(accepted) if len(accepted) <= LONGEST_HEADER else {}
    others = weights.get(b"*", 0.0)
    offers = {name: weights.get(name, others) for name in (b"zstd", b"br", b"gzip")}
    best = max(offers, key=lambda name: offers[name])
    plain = weights.get(b"identity", weights.get(b"*"))
    if not offers[best] or (plain or 0.0) > offers[best]:
        return Choice(None, required=False)
    return Choice(best, required=plain == 0.0)


def weigh(accepted: bytes) -> dict[bytes, float]:
    """Return the weight of each coding that an `Accept-Encoding` names."""
    weights: dict[bytes, float] = {}
    for member in accepted.split(b","):
        if match := MEMBER.fullmatch(member):
            name = match[1].lower().removeprefix(b"x-")  # x-gzip is gzip, by RFC 9110 §8.4.1.3
            weights[name] = float(match[2] or 1)
    return weights
