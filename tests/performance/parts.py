"""What each part of the service costs a request: `uv run python -m tests.performance.parts`.

The whole service, the service without each part, the service with traces, and the programs of `compare` beside it take
turns under load. Prints what each part adds to an order by key and to a page of 50, in µs of processor time, and with
`--write` renews the table in docs/performance.md.
"""

import argparse
import re
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.harness import snapshot
from tests.performance import rendered, report, servers
from tests.performance.compare import Measurement
from tests.performance.machine import find_processor
from tests.performance.report import KEY, PAGE

WHOLE = "nothing"
PARTS = (
    "log and counts",
    "ETag",
    "choice of a coding",
    "protective headers",
    "request id",
    "host",
    "deadlines",
    "account of time",
    "token",
    "batch threads",
)
"""What `programs/without.py` can leave out."""

PROGRAMS = {"bare": "the whole edge", "floor": "all above the floor"}
POOL_SIZE = 6
"""Connections of each program: PostgreSQL admits 100, and all programs run at once."""

TRACES = {"traces, none recorded": "0", "traces, 1 % recorded": "0.01", "traces, all recorded": "1"}
"""The share that is recorded, of what the service does not do by default."""


BLOCK = re.compile(r"(?<=<!-- parts -->\n).*(?=<!-- end of parts -->)", re.DOTALL)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.6, help="the length of a slice")
    parser.add_argument("--clients", type=int, default=32, help="connections of the closed loop")
    parser.add_argument("--rows", type=int, default=20_000, help="orders in the table")
    parser.add_argument("--write", action="store_true", help="renew the table in docs/performance.md")
    options = parser.parse_args()
    with rendered.make() as folder:
        table = draw_table(measure(folder, options), options)
    print(table)
    if options.write:
        page = snapshot.ROOT / "docs/performance.md"
        page.write_text(BLOCK.sub(lambda _: table, page.read_text()))


def draw_table(costs: dict[str, dict[str, list[float]]], options: argparse.Namespace) -> str:
    """Return in Markdown what each part adds."""
    how = f"{options.rounds} rounds of {options.seconds:g} s, {options.clients} connections"
    lines = [f"Taken on {datetime.now(UTC):%Y-%m-%d}: {find_processor()}; {options.rows:,} orders; {how}.", ""]
    lines += ["| part | an order by key | a page of 50 |", "|---|---|---|"]
    for name in [*PROGRAMS, *PARTS, *TRACES]:
        sign = -1 if name in TRACES else 1
        added = ([sign * (a - b) for a, b in zip(costs[w][WHOLE], costs[w][name], strict=True)] for w in costs)
        cells = [report.show(report.sum_up(values), 1, "") for values in added]
        lines.append(f"| {PROGRAMS.get(name, name)} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def measure(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Return what a request cost in each round, by the work and by what was left out or added."""
    with ExitStack() as stack:
        database = stack.enter_context(servers.provide_database(folder, options.rows, 1000))
        endpoint = stack.enter_context(collect_traces())
        variables = {name: {"PART": name} for name in (WHOLE, *PARTS)}
        for name, ratio in TRACES.items():
            variables[name] = {"PART": WHOLE, "TRACES_ENDPOINT": endpoint, "TRACES_RATIO": ratio}
        started = {}
        for name in (*variables, *PROGRAMS):
            own: dict[str, Any] = variables.get(name, {}) | {"DATABASE_POOL_SIZE": str(POOL_SIZE)}
            program = "without" if name in variables else name
            started[name] = stack.enter_context(servers.start(name, folder, database["url"], program, **own))
        measured = Measurement(folder, started, database["keys"], options)
        costs: dict[str, dict[str, list[float]]] = {work: {name: [] for name in started} for work in (KEY, PAGE)}
        for done in measured.run_rounds([(work, name) for work in costs for name in started]):
            costs[done["work"]][done["program"]].append(done["cpu"])
    return costs


class Collector(BaseHTTPRequestHandler):
    """Takes traces, and drops them."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def collect_traces() -> Generator[str]:
    """Yield the address of a collector in this process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    main()
