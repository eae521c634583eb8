"""Measure coders and the edge over the files of a folder: `tests/performance/compression.py` runs this in a service."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import coders
from coders import Coding
from service.kit.edge.compression import CompressionOptions
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.work import asgi
from xxhash import xxh3_128_hexdigest

SIZES = (1_024, 8_192, 65_536)


def compare(calls: Mapping[str, Callable[[], object]], rounds: int, least: float = 0.01) -> dict[str, float]:
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


def print_single_bodies(folder: Path, made: dict[str, Coding], rounds: int) -> None:
    """Print what single bodies become, and the time it takes."""
    for name in ("one order", "3 orders", "page of 50", "260 kB"):
        body = (folder / name).read_bytes()
        calls: dict[str, Callable[[], object]] = {key: partial(each.compress, body) for key, each in made.items()}
        times = compare(calls | {"(xxh3)": partial(xxh3_128_hexdigest, body)}, rounds)
        print(f"\n{name}, {len(body):,} bytes")
        for key, taken in times.items():
            share = f"{len(made[key].compress(body)) / len(body):6.1%}" if key in made else " " * 6
            print(f"  {key:12} {share} {taken:9.1f} µs")


def print_streams(folder: Path, made: dict[str, Coding], rounds: int) -> None:
    """Print what an export becomes when it is flushed after each piece, and what a stream holds in memory."""
    body = (folder / "export").read_bytes()[:2_000_000]
    print(f"\nexport, {len(body):,} bytes of NDJSON, flushed after every 1, 8 or 64 KB; µs for 64 KB; KB for a stream")
    for key, coding in made.items():
        calls = {str(size): partial(coders.stream, coding, body, size) for size in SIZES}
        times = compare(calls, max(1, rounds // 5))
        shares = [f"{len(coders.stream(coding, body, size)) / len(body):6.1%}" for size in SIZES]
        taken = [f"{times[str(size)] / len(body) * 65_536:6.0f}" for size in SIZES]
        print(
            f"  {key:12} {' '.join(shares)}   {' '.join(taken)}   {coders.weigh(key, folder / 'export'):6.0f}",
            flush=True,
        )


def print_edge(folder: Path, rounds: int) -> None:
    """Print what the edge costs around an application that does nothing else, without log lines."""
    print("\nthe edge around an answer, µs for a request")
    for name in ("one order", "page of 50"):
        inner = reply((folder / name).read_bytes())
        options, plain = EdgeOptions(log=False), CompressionOptions(enabled=False)
        apps = {"uncompressed": Edge(inner, options, plain), "compressed": Edge(inner, options), "bare": inner}
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
    scope = {"type": "http", "method": "GET", "path": "/", "http_version": "1.1"}
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(rounds):
        for name, app in apps.items():
            began = time.process_time()
            for _ in range(1000):
                await app({**scope, "headers": headers}, ignore, ignore)
            times[name].append((time.process_time() - began) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


async def ignore(*_: object) -> dict:
    """Receive nothing, and send to nobody."""
    return {}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    made = coders.make_codings()
    print_single_bodies(options.folder, made, options.rounds)
    print_streams(options.folder, made, options.rounds)
    print_edge(options.folder, options.rounds)


if __name__ == "__main__":
    main()
