"""What work beside the event loop spares everybody else: `uv run python -m tests.performance.offload`.

Asks for single orders at a steady rate while nothing else happens, and while reports are computed all the time: in
processes, as the service does it, and in the handler itself. Latency counts from the moment that a request was due.
Then the watchdog: processor time for each request with it and without, in turn. The service has one core for its loop
and its processes; the database and the load have the other.
"""

import argparse
import re
import statistics
import tempfile
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests import service, shell, snapshot
from tests.performance import servers
from tests.performance.servers import Server

REPORT = "/v1/orders/report"
HANDLER = Path("src/service/orders/http.py")
OFFLOADED, BYPASSED = "await offload.in_process(report.summarize, groups)", "report.summarize(groups)"
METRICS = 9471


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="orders in the table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="the length of each run")
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="measure-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this one is root
        rendered = service.render(snapshot.take(folder / "template"), folder / "service", {})
        shell.run("uv", "sync", "--quiet", cwd=rendered)
        database = stack.enter_context(servers.provide_database(rendered, options.rows, 1000))
        begin = partial(start, folder=rendered, url=database["url"])
        offloaded = stack.enter_context(begin("offloaded", metrics=METRICS))
        unwatched = stack.enter_context(
            begin("unwatched", metrics=METRICS + 2, WATCHDOG_LAG="3600", WATCHDOG_STUCK="0")
        )
        edit(rendered / HANDLER, OFFLOADED, BYPASSED)
        bypassed = stack.enter_context(begin("bypassed", metrics=METRICS + 1))
        run = Run(rendered, [f"/v1/orders/{key}" for key in database["keys"]], options)
        compare_latency(run, offloaded, bypassed)
        weigh_watchdog(run, offloaded, unwatched)


@contextmanager
def start(name: str, folder: Path, url: str, metrics: int, **variables: str) -> Generator[Server]:
    """Yield a running service, as in production, on a core of its own."""
    port = servers.find_port()
    settings = {"DATABASE_URL": url, "SERVER_PORT": str(port), "METRICS_PORT": str(metrics), **variables}
    command = [str(folder / ".venv/bin/service"), "serve"]
    process = servers.spawn(command, folder, servers.SERVER_CORE, folder.parent / f"{name}.log", **settings)
    try:
        server = Server(name, port, process)
        servers.wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        process.wait(30)


class Run:
    """Puts load on servers."""

    def __init__(self, folder: Path, paths: list[str], options: argparse.Namespace) -> None:
        self.folder, self.paths, self.options = folder, paths, options

    def ask(self, server: Server, **changes: object) -> dict:
        """Return the figures of a steady load on single orders."""
        given = {"paths": self.paths, "clients": 50, "rate": self.options.rate, "seconds": self.options.seconds}
        return servers.drive(self.folder, port=server.port, **given | changes)

    def ask_beside_reports(self, server: Server) -> tuple[dict, int]:
        """Return the same while one client asks for reports, and how many of them there were."""
        with ThreadPoolExecutor() as beside:
            reports = beside.submit(self.ask, server, paths=[REPORT], clients=1, rate=0)
            figures = self.ask(server)
            return figures, reports.result()["answers"].get("200", {"count": 0})["count"]


def compare_latency(run: Run, offloaded: Server, bypassed: Server) -> None:
    """Print what single orders take, without reports and beside them."""
    latencies: dict[str, list[float]] = {"no reports": [], "reports in processes": [], "reports in the handler": []}
    counts, lags = [0, 0], []
    for _ in range(run.options.rounds):
        latencies["no reports"].append(run.ask(offloaded)["answers"]["200"]["p99"])
        for number, (name, server) in enumerate(zip(list(latencies)[1:], (offloaded, bypassed), strict=True)):
            before = read_lags(METRICS + number)
            figures, reports = run.ask_beside_reports(server)
            latencies[name].append(figures["answers"]["200"]["p99"])
            counts[number] += reports
            lags.append({edge: count - before[edge] for edge, count in read_lags(METRICS + number).items()})
    rounds = f"{run.options.rounds} rounds of {run.options.seconds:g} s"
    print(f"single orders at {run.options.rate:g} requests/s, {rounds}, the medians of p99:")
    for name, values in latencies.items():
        print(f"{name:24}{statistics.median(values):8.1f} ms, from {min(values):.1f} to {max(values):.1f}")
    for number, name in enumerate(list(latencies)[1:]):
        total = {edge: sum(lag[edge] for lag in lags[number::2]) for edge in lags[0]}
        reach = next(edge for edge, count in total.items() if count >= 0.999 * total["+Inf"])
        seconds = run.options.rounds * run.options.seconds
        print(f"{name}: {counts[number] / seconds:.1f} a second; loop lag at p99.9 at most {reach} s")


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
        for edge, count in re.findall(r'^event_loop_lag_seconds_bucket\{le="(\S+)"\} (\S+)$', text, re.M)
    }


def edit(path: Path, old: str, new: str) -> None:
    """Replace one thing in a file."""
    text = path.read_text()
    assert old in text, path
    path.write_text(text.replace(old, new))


if __name__ == "__main__":
    main()
