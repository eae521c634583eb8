"""What an export of a whole table costs the service: `uv run python -m tests.performance.export`.

Serves 1,000,000 orders as in production, in one worker, exports them as CSV and NDJSON in turn, and reads the processor
time and the resident memory of the worker. The idle memory is that after a few requests that are no exports.
"""

import argparse
import http.client
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import shell
from tests.performance import rendered

FORMATS = ("csv", "ndjson")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="orders in the table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--port", type=int, default=8766)
    options = parser.parse_args()
    with rendered.start(options.rows, options.port + 1) as folder, serve(folder, options.port) as worker:
        headers = rendered.sign_in(folder)
        for _ in range(20):
            export(options.port, "/v1/orders?limit=100", headers)
        idle = read_memory(worker)
        costs = {
            name: [measure(worker, options.port, name, headers) for _ in range(options.rounds)] for name in FORMATS
        }
    print(f"{options.rows:,} orders, {options.rounds} rounds, one worker; idle it held {idle:.0f} MB")
    for name, rounds in costs.items():
        seconds, first, most, size = (statistics.median(column) for column in zip(*rounds, strict=True))
        rates = sorted(options.rows / cost[0] / 1e6 for cost in rounds)
        print(
            f"{name}: {options.rows / seconds / 1e6:.2f} million rows per processor second of the service "
            f"({rates[0]:.2f} to {rates[-1]:.2f}), {size / 1e6:.0f} MB; first byte after {first * 1e3:.0f} ms; "
            f"at most {most - idle:.1f} MB of memory over idle"
        )


@contextmanager
def serve(folder: Path, port: int) -> Generator[int]:
    """Serve the rows of a rendered service as in production, and yield the process id of the worker."""
    database = f"postgresql://postgres:@/postgres?host={folder / '.postgres'}"
    key = rendered.read_key(folder)
    environment = shell.environment(DATABASE_URL=database, SERVER_PORT=str(port), AUTH_SIGNING_KEY=key)
    with (folder / "serving").open("w") as output:
        command = [str(folder / ".venv/bin/service"), "serve"]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        yield find_worker(process, folder / "serving")
    finally:
        process.terminate()
        process.wait(30)


def find_worker(process: subprocess.Popen, output: Path) -> int:
    """Return the process id of the worker, once it serves."""
    while process.poll() is None:
        printed = output.read_text()
        if "Started worker-1" in printed and (found := re.search(r"worker-1 with PID: (\d+)", printed)):
            return int(found[1])
        time.sleep(0.1)
    raise SystemExit(output.read_text())


def measure(worker: int, port: int, name: str, headers: dict[str, str]) -> tuple[float, float, float, int]:
    """Return what one export takes: processor seconds, seconds to its first byte, the most memory in MB, and bytes."""
    memory: list[float] = []
    done = threading.Event()
    watching = threading.Thread(target=watch, args=(worker, memory, done))
    before = rendered.read_cpu_seconds([worker])
    watching.start()
    first, size = export(port, f"/v1/orders/export?format={name}", headers)
    done.set()
    watching.join()
    return rendered.read_cpu_seconds([worker]) - before, first, max(memory), size


def export(port: int, path: str, headers: dict[str, str]) -> tuple[float, int]:
    """Read a response, and return the seconds to its first byte and how long it is."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    started_at = time.perf_counter()
    client.request("GET", path, headers=headers)
    response = client.getresponse()
    size = len(response.read(1))
    first = time.perf_counter() - started_at
    while portion := response.read(1_000_000):
        size += len(portion)
    client.close()
    if response.status != 200:
        raise SystemExit(f"{path} answered {response.status}")
    return first, size


def watch(worker: int, memory: list[float], done: threading.Event) -> None:
    """Note the resident memory twenty times a second."""
    memory.append(read_memory(worker))
    while not done.wait(0.05):
        memory.append(read_memory(worker))


def read_memory(worker: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{worker}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
