"""Measure coders over the files of a folder; `compression.py` runs this in the environment of a rendered service."""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import brotli

from service.kit import asgi, codings
from service.kit.codings import Coding, Stream, zstd
from service.kit.compress import Compression
from service.kit.conditional import Conditional

FLUSH = zstd.ZstdCompressor.FLUSH_BLOCK
SIZES = (1_024, 8_192, 65_536)
STREAMS = 50
FOLDER = Path(sys.argv[1])


def make_codings() -> dict[str, Coding]:
    """Return the coders to compare, and those that the kit uses."""
    made = {f"zstd {level}": make_zstd(level) for level in (1, 3)}
    made |= {f"brotli {level}": make_brotli(level) for level in (1, 2, 4, 5)}
    made |= {f"gzip {level}": make_gzip(level) for level in (1, 6, 9)}
    return made | {f"kit's {name.decode()}": coding for name, coding in codings.make().items()}


def make_zstd(level: int) -> Coding:
    """Return zstd at a level, with one coder for all single bodies."""
    whole = zstd.ZstdCompressor(level)

    def begin() -> Stream:
        coder = zstd.ZstdCompressor(level)
        return Stream(coder.compress, partial(coder.flush, FLUSH), coder.flush)

    return Coding(b"zstd", partial(whole.compress, mode=whole.FLUSH_FRAME), begin)


def make_brotli(level: int) -> Coding:
    """Return brotli at a level."""

    def begin() -> Stream:
        coder = brotli.Compressor(quality=level)
        return Stream(coder.process, coder.flush, coder.finish)

    return Coding(b"br", partial(brotli.compress, quality=level), begin)


def make_gzip(level: int) -> Coding:
    """Return gzip at a level."""

    def begin() -> Stream:
        coder = zlib.compressobj(level, zlib.DEFLATED, 31)
        return Stream(coder.compress, partial(coder.flush, zlib.Z_SYNC_FLUSH), coder.flush)

    return Coding(b"gzip", partial(zlib.compress, level=level, wbits=31), begin)


def stream(coding: Coding, body: bytes, size: int) -> bytes:
    """Return a body encoded in pieces, each of which can be decoded at once."""
    coder = coding.open()
    pieces = [coder.feed(body[at : at + size]) + coder.flush() for at in range(0, len(body), size)]
    return b"".join(pieces) + coder.finish()


def compare(calls: dict[str, Callable[[], object]], rounds: int, least: float = 0.01) -> dict[str, float]:
    """Return the processor time of one call of each in µs, the median over rounds in which they take turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    repeats = {}
    for name, call in calls.items():
        began = time.process_time()
        call()
        repeats[name] = max(1, int(least / max(time.process_time() - began, 1e-6)))
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.process_time()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.process_time() - began) / repeats[name] * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def print_single_bodies(coders: dict[str, Coding], rounds: int) -> None:
    """Print what single bodies become, and the time it takes."""
    for name in ("one order", "3 orders", "page of 50", "260 kB"):
        body = (FOLDER / name).read_bytes()
        calls: dict[str, Callable[[], object]] = {key: partial(each.compress, body) for key, each in coders.items()}
        times = compare(calls | {"(sha256)": partial(sha256, body)}, rounds)
        print(f"\n{name}, {len(body):,} bytes")
        for key, taken in times.items():
            share = f"{len(coders[key].compress(body)) / len(body):6.1%}" if key in coders else " " * 6
            print(f"  {key:12} {share} {taken:9.1f} µs")


def print_streams(coders: dict[str, Coding], rounds: int) -> None:
    """Print what an export becomes when it is flushed after each piece, and what a stream holds in memory."""
    body = (FOLDER / "export").read_bytes()[:2_000_000]
    print(f"\nexport, {len(body):,} bytes of NDJSON, flushed after every 1, 8 or 64 KB; µs for 64 KB; KB for a stream")
    for key, coding in coders.items():
        calls = {str(size): partial(stream, coding, body, size) for size in SIZES}
        times = compare(calls, max(1, rounds // 5))
        shares = [f"{len(stream(coding, body, size)) / len(body):6.1%}" for size in SIZES]
        taken = [f"{times[str(size)] / len(body) * 65_536:6.0f}" for size in SIZES]
        print(f"  {key:12} {' '.join(shares)}   {' '.join(taken)}   {weigh(key):6.0f}", flush=True)


def weigh(name: str) -> float:
    """Return the KB that an open stream of a coder holds, measured in a process of its own."""
    command = [sys.executable, __file__, str(FOLDER), "--weigh", name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def weigh_here(name: str) -> float:
    """Return the KB that an open stream of a coder holds."""
    coding, chunk = make_codings()[name], (FOLDER / "export").read_bytes()[:400_000]
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


def print_layers(rounds: int) -> None:
    """Print what the two layers cost around an application that does nothing else."""
    print("\nlayers around an answer, µs for a request")
    for name in ("one order", "page of 50"):
        inner = reply((FOLDER / name).read_bytes())
        apps = {"compression": Compression(inner), "conditional": Conditional(inner)}
        apps |= {"both": Compression(Conditional(inner)), "bare": inner}
        times = asyncio.run(ask_all(apps, rounds))
        layers = ", ".join(f"{key} {times[key] - times['bare']:.1f}" for key in apps if key != "bare")
        print(f"  {name:12} {layers}")


def reply(body: bytes) -> asgi.App:
    """Return an application that sends one body."""
    length = str(len(body)).encode()

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def ask_all(apps: dict[str, asgi.App], rounds: int) -> dict[str, float]:
    """Return the processor time of a request to each application in µs, the median over rounds."""
    named = {"host": "a.test", "user-agent": "x", "accept": "*/*", "accept-encoding": "gzip, deflate, br, zstd"}
    headers = [(name.encode(), value.encode()) for name, value in (named | {"authorization": "Bearer abc"}).items()]
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(rounds):
        for name, app in apps.items():
            began = time.process_time()
            for _ in range(1000):
                await app({"type": "http", "method": "GET", "headers": headers}, ignore, ignore)
            times[name].append((time.process_time() - began) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


async def ignore(*_: object) -> dict:
    """Receive nothing, and send to nobody."""
    return {}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--weigh")
    options = parser.parse_args()
    if options.weigh:
        print(json.dumps(weigh_here(options.weigh)))
        return
    coders = make_codings()
    print_single_bodies(coders, options.rounds)
    print_streams(coders, options.rounds)
    print_layers(options.rounds)


if __name__ == "__main__":
    main()
