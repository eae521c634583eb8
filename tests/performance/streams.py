"""What open event streams cost the service: `uv run python -m tests.performance.streams`.

Serves orders as in production, in one worker, and lets as many clients as it takes (EDGE_STREAMS) watch one order each.
Each coding gets a server of its own, because a process keeps the memory that it once had.
"""

import argparse
import http.client
import json
import statistics
import time
from pathlib import Path

from tests.performance import export, rendered

CODINGS = ("identity", "zstd", "gzip", "br")

type Watch = tuple[http.client.HTTPConnection, http.client.HTTPResponse]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200, help="streams to open; 200 is all that a worker takes")
    parser.add_argument("--seconds", type=float, default=10, help="how long to watch them at rest")
    parser.add_argument("--port", type=int, default=8768)
    options = parser.parse_args()
    with rendered.start(options.streams, options.port + 1) as folder:
        for coding in CODINGS:
            with export.serve(folder, options.port) as worker:
                print(f"{coding}: {measure(folder, worker, coding, options)}")


def measure(folder: Path, worker: int, coding: str, options: argparse.Namespace) -> str:
    """Return what is to say of as many streams as the worker takes."""
    headers = rendered.sign_in(folder) | {"Accept-Encoding": coding}
    paths = list_paths(options.port, options.streams, rendered.sign_in(folder))
    idle = export.read_memory(worker)
    opened = [watch(options.port, path, headers) for path in paths]
    time.sleep(1.5)  # by then each has looked twice
    held = (export.read_memory(worker) - idle) * 1000 / len(opened)
    before = rendered.read_cpu_seconds([worker])
    time.sleep(options.seconds)
    spent = (rendered.read_cpu_seconds([worker]) - before) / options.seconds
    first = statistics.quantiles([seconds for _, seconds in opened], n=100, method="inclusive")
    for (connection, response), _ in opened:
        response.close()
        connection.close()
    freed = wait_for_room(options.port, paths, headers)
    return (
        f"{len(opened)} streams hold {held:.0f} kB each and use {spent * 100:.1f} % of a core; "
        f"first byte after {first[49] * 1e3:.1f} ms (p99 {first[98] * 1e3:.1f} ms); "
        f"room for as many again {freed:.2f} s after they left"
    )


def list_paths(port: int, number: int, headers: dict[str, str]) -> list[str]:
    """Return the streams of so many orders."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    found, cursor = [], ""
    while len(found) < number:
        client.request("GET", f"/v1/orders?limit=100{cursor}", headers=headers)
        page = json.load(client.getresponse())
        found += [f"/v1/orders/{order['id']}/events" for order in page["data"]]
        cursor = f"&cursor={page['next']}"
    client.close()
    return found[:number]


def watch(port: int, path: str, headers: dict[str, str]) -> tuple[Watch, float]:
    """Return an open stream, and the seconds to its first byte."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    began = time.perf_counter()
    client.request("GET", path, headers=headers)
    response = client.getresponse()
    response.read(1)
    return (client, response), time.perf_counter() - began if response.status == 200 else float("nan")


def wait_for_room(port: int, paths: list[str], headers: dict[str, str]) -> float:
    """Return the seconds until all places are free: as many streams are open once more."""
    began = time.perf_counter()
    again = []
    for path in paths:
        (client, response), _ = watch(port, path, headers)
        while response.status == 503:
            client.close()
            (client, response), _ = watch(port, path, headers)
        again.append((client, response))
    seconds = time.perf_counter() - began
    for client, response in again:
        response.close()
        client.close()
    return seconds


if __name__ == "__main__":
    main()
