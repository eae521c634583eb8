"""What a request costs, beside two other programs: `uv run python -m tests.performance.compare`.

Serves 200,000 orders by four programs on one core: the generated service, `bare` (the same without its edge), `floor`
(the least that Python needs) and `conventional` (FastAPI and SQLAlchemy's ORM). Short slices of load go to each in
turn, in the other order every second round. Then the service gets twice the load it can carry.
"""

import argparse
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.harness import snapshot
from tests.performance import rendered, report, servers
from tests.performance.servers import Server

PROGRAMS = ("floor", "bare", "service", "conventional")
KEY, PAGE = "/v1/orders/{}", "/v1/orders?limit=50"
ZSTD = "Accept-Encoding: zstd\r\n"
WORKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "one order by key": (KEY, "", PROGRAMS),
    "page of 50": (PAGE, "", ("floor", "service", "conventional")),
    "page of 50, zstd": (PAGE, ZSTD, ("service",)),
}
"""The path, the headers, and the programs that do it."""

WARM_UP = 1.0
"""Seconds of load on everything before the first round."""

OVERLOAD_CLIENTS = 1000


def main() -> None:
    """Measure, print, and with `--write` renew the figures in docs/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3, help="the length of a slice")
    parser.add_argument("--clients", type=int, default=32, help="connections of the closed loop")
    parser.add_argument("--rows", type=int, default=200_000, help="orders in the table")
    parser.add_argument("--overload", type=float, default=30, help="seconds at twice the capacity; 0 leaves it out")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md and its figures")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    options = parser.parse_args()
    with rendered.make() as folder:
        figures = measure(folder, options)
    print(report.draw_text(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    if options.write:
        report.write(figures, snapshot.ROOT / "docs")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Start everything in the folder of a service, and return the figures."""
    with ExitStack() as stack:
        database = stack.enter_context(servers.provide_database(folder, options.rows, 1000))
        started = {name: stack.enter_context(servers.start(name, folder, database["url"])) for name in PROGRAMS}
        verify(started, database["keys"])
        measured = Measurement(folder, started, database["keys"], options)
        slices = list(measured.run_rounds([(work, name) for work, (_, _, names) in WORKS.items() for name in names]))
        overload = {work: measured.overload(work) for work in list(WORKS)[:2]} if options.overload else {}
    return {
        "taken": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{find_processor()}, {os.cpu_count()} cores",
        "versions": database["versions"],
        "options": {name: getattr(options, name) for name in ("rounds", "seconds", "clients", "rows", "overload")},
        "slices": slices,
        "overload": overload,
    }


def verify(started: dict[str, Server], keys: list[str]) -> None:
    """Stop unless all programs answer the same JSON. Only the cursor of the next page may differ."""
    for path in (*(KEY.format(key) for key in keys[:5]), PAGE):
        wanted = json.loads(started["service"].get(path)[0])
        for server in started.values():
            answer = json.loads(server.get(path)[0])
            if "next" in answer and bool(answer["next"]) == bool(wanted["next"]):
                answer["next"] = wanted["next"]
            if answer != wanted:
                raise SystemExit(f"{server.name} answers {path} with {answer}, and the service with {wanted}")


class Measurement:
    """The started programs, and what to ask them."""

    def __init__(self, folder: Path, started: dict[str, Server], keys: list[str], options: argparse.Namespace) -> None:
        self.folder, self.started, self.keys, self.options = folder, started, keys, options

    def run_rounds(self, slices: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """Warm everything up, then yield a slice of each work on its program in turn, in each round."""
        for work, name in slices:
            self.drive(work, name, min(WARM_UP, self.options.seconds))
        for number in range(self.options.rounds):
            for work, name in slices if number % 2 == 0 else reversed(slices):
                yield {"round": number, "work": work, "program": name, **self.measure_slice(work, name)}
            print(f"round {number + 1} of {self.options.rounds} done", flush=True)

    def measure_slice(self, work: str, name: str) -> dict[str, Any]:
        """Return what one slice of load cost."""
        before = self.started[name].read_cpu_seconds()
        done = self.drive(work, name, self.options.seconds)
        used = self.started[name].read_cpu_seconds() - before
        if done["answers"].keys() != {"200"}:
            raise SystemExit(f"{name} did not answer every request for {work} with 200: {done}")
        answers = done["answers"]["200"]
        rate = {"cpu": used / done["count"] * 1e6, "rate": done["count"] / done["seconds"]}
        return {**rate, "p50": answers["p50"], "p99": answers["p99"], "bytes": answers["bytes"]}

    def overload(self, work: str) -> dict[str, Any]:
        """Return what becomes of twice the load that the service can carry, and what it can carry."""
        full = self.drive(work, "service", max(self.options.overload / 6, 1))
        capacity = full["count"] / full["seconds"]
        seconds, clients = self.options.overload, OVERLOAD_CLIENTS
        return {"capacity": capacity, **self.drive(work, "service", seconds, rate=2 * capacity, clients=clients)}

    def drive(self, work: str, name: str, seconds: float, **more: object) -> dict[str, Any]:
        """Put load on a program."""
        path, headers, _ = WORKS[work]
        paths = [path.format(key) for key in self.keys] if path == KEY else [path]
        usual = {"clients": self.options.clients, "rate": 0}
        target = {"port": self.started[name].port, "paths": paths, "headers": headers, "seconds": seconds}
        return servers.drive(self.folder, **(target | usual | more))


def find_processor() -> str:
    """Return the name of the processor."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown processor"


if __name__ == "__main__":
    main()
