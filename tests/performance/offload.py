"""What work beside the event loop spares everybody else: `uv run python -m tests.performance.offload`.

Asks for single orders at a steady rate while nothing else happens, and while reports are computed all the time and five
clients a second log in: in processes and threads, as the service does it, and in the handlers. Latency counts from the
moment that a request was due. Then the watchdog: processor time for each request with it and without, in turn. The
service has one core for its loop, its threads and its processes; the database and the load have the other.
"""

import argparse
import json
import re
import statistics
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.harness import service
from tests.performance import rendered, servers
from tests.performance.servers import Server

REPORT = "/v1/orders/report"
LOGIN, LOGINS = "/v1/sessions", 5
"""Where clients log in, and how often in a second."""

ACCOUNT = json.dumps({"email": "ada@example.com", "password": "correct horse battery staple"})
# The calls that are offloaded, and the same in the handler.
BYPASSES = {
    "src/service/orders/http.py": ("await offload.in_process(report.summarize, groups)", "report.summarize(groups)"),
    "src/service/kit/auth/passwords.py": (
        "await offload.run(offload.hashes, hasher.verify, verify, begins)",
        "verify()",
    ),
}
METRICS = 9471


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="orders in the table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="the length of each run")
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    options = parser.parse_args()
    with ExitStack() as stack:
        made = stack.enter_context(rendered.make())
        database = stack.enter_context(servers.provide_database(made, options.rows, 1000))
        begin = partial(servers.start, folder=made, url=database["url"], program="service", CACHE_SECONDS="0")
        offloaded = stack.enter_context(begin("offloaded", METRICS_PORT=str(METRICS)))
        unwatched = stack.enter_context(
            begin("unwatched", METRICS_PORT=str(METRICS + 2), WATCHDOG_LAG="3600", WATCHDOG_STUCK="0")
        )
        for path, change in BYPASSES.items():
            service.replace(made / path, change)
        bypassed = stack.enter_context(begin("bypassed", METRICS_PORT=str(METRICS + 1)))
        servers.post(offloaded, "/v1/accounts", ACCOUNT)
        run = Run(made, [f"/v1/orders/{key}" for key in database["keys"]], options)
        compare_latency(run, offloaded, bypassed)
        weigh_watchdog(run, offloaded, unwatched)


class Run:
    """Puts load on servers."""

    def __init__(self, folder: Path, paths: list[str], options: argparse.Namespace) -> None:
        self.folder, self.paths, self.options = folder, paths, options

    def ask(self, server: Server, **changes: object) -> dict:
        """Return the figures of a steady load on single orders."""
        given = {"paths": self.paths, "clients": 50, "rate": self.options.rate, "seconds": self.options.seconds}
        return servers.drive(self.folder, port=server.port, **given | changes)

    def ask_beside_work(self, server: Server) -> tuple[dict, list[int]]:
        """Return the same beside a client that asks for reports, and logins; and how many there were of each."""
        login = {"paths": [LOGIN], "body": ACCOUNT, "rate": LOGINS, "clients": 20}
        with ThreadPoolExecutor() as beside:
            reports = beside.submit(self.ask, server, paths=[REPORT], clients=1, rate=0)
            logins = beside.submit(self.ask, server, **login)
            figures = self.ask(server)
            return figures, [count(reports.result(), "200"), count(logins.result(), "201")]


def count(figures: dict, status: str) -> int:
    """Return how many answers had a status."""
    return figures["answers"].get(status, {"count": 0})["count"]


def compare_latency(run: Run, offloaded: Server, bypassed: Server) -> None:
    """Print what single orders take, alone and beside reports and logins."""
    beside = {"beside work": offloaded, "beside blocking work": bypassed}
    latencies: dict[str, list[float]] = {name: [] for name in ("alone", *beside)}
    counts, lags = {name: [] for name in beside}, {name: [] for name in beside}
    for _ in range(run.options.rounds):
        latencies["alone"].append(run.ask(offloaded)["answers"]["200"]["p99"])
        for number, (name, server) in enumerate(beside.items()):
            before = read_lags(METRICS + number)
            figures, done = run.ask_beside_work(server)
            latencies[name].append(figures["answers"]["200"]["p99"])
            counts[name].append(done)
            lags[name].append({edge: late - before[edge] for edge, late in read_lags(METRICS + number).items()})
    rounds = f"{run.options.rounds} rounds of {run.options.seconds:g} s"
    print(f"single orders at {run.options.rate:g} requests/s, {rounds}, the medians of p99:")
    for name, values in latencies.items():
        ratio = statistics.median(x / alone for x, alone in zip(values, latencies["alone"], strict=True))
        spread = f"from {min(values):.1f} to {max(values):.1f}"
        print(f"{name:24}{statistics.median(values):8.1f} ms, {spread}, {ratio:.2f} times that alone")
    for name, late in lags.items():
        describe_work(name, counts[name], late, run.options.rounds * run.options.seconds)


def describe_work(name: str, counts: list[list[int]], lags: list[dict[str, float]], seconds: float) -> None:
    """Print how much work there was, and how late the loop was meanwhile."""
    reports, logins = (sum(column) / seconds for column in zip(*counts, strict=True))
    total = {edge: sum(lag[edge] for lag in lags) for edge in lags[0]}
    reach = next(edge for edge, late in total.items() if late >= 0.999 * total["+Inf"])
    print(f"{name}: {reports:.1f} reports and {logins:.1f} logins a second; loop lag at p99.9 at most {reach} s")


def weigh_watchdog(run: Run, watched: Server, unwatched: Server) -> None:
    """Print the processor time of a request with the watchdog, against that without."""
    ratios = []
    for number in range(2 * run.options.rounds):
        costs = {}
        for server in (watched, unwatched) if number % 2 else (unwatched, watched):
            before = server.read_cpu_seconds()
            count = run.ask(server, clients=16, rate=0, seconds=run.options.seconds / 4)["count"]
            costs[server.name] = (server.read_cpu_seconds() - before) / count
        ratios.append(costs["offloaded"] / costs["unwatched"])
    quarters = statistics.quantiles(ratios, n=4)
    print(f"processor time of a request with the watchdog: {statistics.median(ratios):.3f} times that without", end="")
    print(f", half of {len(ratios)} pairs from {quarters[0]:.3f} to {quarters[2]:.3f}")


def read_lags(port: int) -> dict[str, float]:
    """Return how many ticks of the loop were late by at most so many seconds, cumulative."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return {
        edge: float(count)
        for edge, count in re.findall(r'^event_loop_lag_seconds_bucket\{le="([^"]+)"\S* (\S+)$', text, re.M)
    }


if __name__ == "__main__":
    main()
