"""The coders to compare, and the memory that an open stream of one holds."""

import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import brotli
from service.kit.edge.compression import Coder, Compression, CompressionOptions, make_coder, zstd

FLUSH = zstd.ZstdCompressor.FLUSH_BLOCK
STREAMS = 50


class Coding(NamedTuple):
    """A way to encode: a body in one piece by `compress`, a longer one by what `open` returns."""

    compress: Callable[[bytes], bytes]
    open: Callable[[], Coder]


def make_codings() -> dict[str, Coding]:
    """Return the coders to compare, and those that the kit uses."""
    made = {f"zstd {level}": make_zstd(level) for level in (1, 3)}
    made |= {f"brotli {level}": make_brotli(level) for level in (1, 2, 4, 5)}
    made |= {f"gzip {level}": make_gzip(level) for level in (1, 6, 9)}
    compress = Compression(CompressionOptions()).compress
    names = ("zstd", "br", "gzip")
    kits = {name: Coding(partial(compress, name.encode()), partial(make_coder, name.encode())) for name in names}
    return made | {f"kit's {name}": coding for name, coding in kits.items()}


def make_zstd(level: int) -> Coding:
    """Return zstd at a level, with one coder for all single bodies."""
    whole = zstd.ZstdCompressor(level)

    def begin() -> Coder:
        coder = zstd.ZstdCompressor(level)
        return Coder(coder.compress, partial(coder.flush, FLUSH), coder.flush)

    return Coding(partial(whole.compress, mode=whole.FLUSH_FRAME), begin)


def make_brotli(level: int) -> Coding:
    """Return brotli at a level."""

    def begin() -> Coder:
        coder = brotli.Compressor(quality=level)
        return Coder(coder.process, coder.flush, coder.finish)

    return Coding(partial(brotli.compress, quality=level), begin)


def make_gzip(level: int) -> Coding:
    """Return gzip at a level."""

    def begin() -> Coder:
        coder = zlib.compressobj(level, zlib.DEFLATED, 31)
        return Coder(coder.compress, partial(coder.flush, zlib.Z_SYNC_FLUSH), coder.flush)

    return Coding(partial(zlib.compress, level=level, wbits=31), begin)


def stream(coding: Coding, body: bytes, size: int) -> bytes:
    """Return a body encoded in pieces, each of which can be decoded at once."""
    coder = coding.open()
    pieces = [coder.feed(body[at : at + size]) + coder.flush() for at in range(0, len(body), size)]
    return b"".join(pieces) + coder.finish()


def weigh(name: str, export: Path) -> float:
    """Return the KB that an open stream of a coder holds, measured in a process of its own."""
    command = [sys.executable, __file__, name, str(export)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def weigh_here(coding: Coding, chunk: bytes) -> float:
    """Return the KB that an open stream of a coder holds."""
    coding.compress(chunk)
    before = read_resident_kb()
    opened = [coding.open() for _ in range(STREAMS)]
    for coder in opened:
        coder.feed(chunk)
        coder.flush()
    return (read_resident_kb() - before) / STREAMS


def read_resident_kb() -> int:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


if __name__ == "__main__":
    print(weigh_here(make_codings()[sys.argv[1]], Path(sys.argv[2]).read_bytes()[:400_000]))
