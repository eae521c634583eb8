"""How long `service serve` takes to its first answer, and what it holds: `uv run python -m tests.performance.start`.

Starts the default service in production's way, on a migrated database, several times in turn. The clock runs from the
command to the first 200 for a page of orders; the memory is what is resident after that, and a thousand more.
"""

import argparse
import http.client
import os
import signal
import statistics
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tests.harness import shell
from tests.harness.ports import find_ports
from tests.performance import rendered

PAGE = "/v1/orders"


class Start(NamedTuple):
    """What a start took, in seconds, and what the processes hold then, in megabytes."""

    answered: float
    spent: float
    """Processor time."""
    first: float
    """From the first request that was answered to its answer."""
    main_process: float
    worker: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--requests", type=int, default=1000, help="requests before the memory is read")
    options = parser.parse_args()
    with rendered.start(rows=100, port=find_ports(1)[0]) as folder:
        rounds = [measure(folder, options.workers, options.requests) for _ in range(options.rounds)]
    answered, spent, _, main_process, workers = zip(*rounds, strict=True)
    print(f"{options.rounds} starts with {options.workers} worker(s), {options.requests} requests in each")
    print(f"first answer: {statistics.median(answered):.2f} s, from {min(answered):.2f} to {max(answered):.2f}")
    print(f"processor time until then: {statistics.median(spent):.2f} s, over all processes")
    print(f"resident memory: {statistics.median(workers):.1f} MB for a worker, at most {max(workers):.1f}")
    print(f"                 {statistics.median(main_process):.1f} MB for the main process")


def measure(folder: Path, workers: int, requests: int) -> Start:
    """Start the service, ask until it answers, send requests, and stop it."""
    port, metrics = find_ports(2)
    settings = {"SERVER_PORT": str(port), "SERVER_WORKERS": str(workers), "METRICS_PORT": str(metrics)}
    url = f"postgresql://postgres@/postgres?host={folder / '.postgres'}"
    key = rendered.read_key(folder)
    environment = shell.environment(DATABASE_URL=url, EDGE_LOG="false", AUTH_SIGNING_KEY=key, **settings)
    command = [str(folder / ".venv" / "bin" / "service"), "serve"]
    began = time.monotonic()
    silence = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=silence, stderr=silence)
    try:
        asked = began
        while (status := ask(port, rendered.sign_in(folder))) != 200:
            if process.poll() is not None or time.monotonic() - began > 30:
                raise SystemExit(f"no answer from {command}: {status or process.poll()}")
            time.sleep(0.005)
            asked = time.monotonic()
        answered = time.monotonic()
        spent = rendered.read_cpu_seconds([process.pid, *find_workers(process.pid)])
        for _ in range(requests):
            ask(port, rendered.sign_in(folder))
        worker = max(map(read_resident, find_workers(process.pid)))
        return Start(answered - began, spent, answered - asked, read_resident(process.pid), worker)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def ask(port: int, headers: dict[str, str]) -> int:
    """Return the status of an answer, or 0 if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", PAGE, headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def find_workers(parent: int) -> list[int]:
    """Return the worker processes of a main process."""
    children = map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return [child for child in children if b"--multiprocessing-fork" in Path(f"/proc/{child}/cmdline").read_bytes()]


def read_resident(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
