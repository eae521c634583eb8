"""What `SERVER_BATCH_THREADS` does to latency: `uv run python -m tests.performance.neighbours`.

The service with it and without it take turns at one order by key, a steady rate of them. First the machine has nothing
else to do, then a program computes on each core, at the priority of the service, as neighbours in a cluster would.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.performance import rendered, servers
from tests.performance.compare import Measurement
from tests.performance.report import KEY

VARIANTS = "true", "false"
RATES = 300, 1000


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2, help="the length of a slice")
    parser.add_argument("--clients", type=int, default=200, help="connections at most")
    parser.add_argument("--rows", type=int, default=20_000, help="orders in the table")
    options = parser.parse_args()
    with rendered.make() as folder:
        print("\n".join(draw_table(folder, options)))


def draw_table(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Yield in Markdown the latencies of each variant, medians over the rounds."""
    yield "| computing alongside | requests/s | `SERVER_BATCH_THREADS` | p50, ms | p99, ms |"
    yield "|---|---|---|---|---|"
    with ExitStack() as stack:
        database = stack.enter_context(servers.provide_database(folder, options.rows, 1000))
        started = {
            variant: stack.enter_context(
                servers.start(variant, folder, database["url"], "service", SERVER_BATCH_THREADS=variant)
            )
            for variant in VARIANTS
        }
        measurement = Measurement(folder, started, database["keys"], options)
        for busy in (0, 2):
            with compute(busy):
                for rate in RATES:
                    for variant, answers in measure(measurement, rate).items():
                        p50, p99 = (statistics.median(each[name] for each in answers) for name in ("p50", "p99"))
                        yield f"| {busy} programs | {rate} | {variant} | {p50:.1f} | {p99:.1f} |"


def measure(measurement: Measurement, rate: int) -> dict[str, list[dict[str, Any]]]:
    """Return what was answered in each round, by the variant."""
    found: dict[str, list[dict[str, Any]]] = {variant: [] for variant in VARIANTS}
    for number in range(measurement.options.rounds):
        for variant in VARIANTS if number % 2 == 0 else reversed(VARIANTS):
            done = measurement.drive(KEY, variant, measurement.options.seconds, rate=rate)
            found[variant].append(done["answers"]["200"])
    return found


@contextmanager
def compute(number: int) -> Generator[None]:
    """Keep the cores busy with so many programs while the block runs."""
    pinned = (["taskset", "--cpu-list", str(core), sys.executable, "-c", "while True: pass"] for core in range(number))
    programs = [subprocess.Popen(command) for command in pinned]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


if __name__ == "__main__":
    main()
