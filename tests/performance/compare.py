"""What a request costs, beside other programs: `uv run python -m tests.performance.compare`.

Serves 200,000 orders by several programs on one core: the generated service, `bare` (the same without its edge),
`floor` (the least that Python needs), `conventional` (FastAPI and SQLAlchemy's ORM), and where they can be built `axum`
(plain, and with the duties of the service) and `fastify`. Short slices of load go to each in turn, in the other order
every second round. Then the service gets twice the load it can carry, and what it answers is compared with the most
that the cost of refusing the rest leaves.
"""

import argparse
import json
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.harness import snapshot
from tests.performance import builds, machine, rendered, report, servers, slices
from tests.performance.servers import Server

PROGRAMS = ("floor", "bare", "service", "conventional")
KEY, PAGE = "/v1/orders/{}", "/v1/orders?limit=50"
ZSTD = "Accept-Encoding: zstd\r\n"
WORKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "one order by key": (KEY, "", (*PROGRAMS, *builds.OPTIONAL)),
    "page of 50": (PAGE, "", ("floor", "service", "conventional", *builds.OPTIONAL)),
    "page of 50, zstd": (PAGE, ZSTD, ("service", "axum", builds.WITH_DUTIES)),
}
"""The path, the headers, and the programs that do it, if they are there."""

OVERLOAD_CLIENTS = 1000
REFUSING = "refusing"
"""The service with no place for a request: it answers each one with a 503."""


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
    optional = builds.select_available()
    with ExitStack() as stack:
        database = stack.enter_context(servers.provide_database(folder, options.rows, 1000))
        names = [*PROGRAMS, *optional]
        started = {name: stack.enter_context(servers.start(name, folder, database["url"])) for name in names}
        verify(started, database["keys"])
        if options.overload:
            alone = servers.start(REFUSING, folder, database["url"], "without", path="/livez", PART="admission")
            started[REFUSING] = stack.enter_context(alone)
        measured = Measurement(folder, started, database["keys"], options)
        taken = list(measured.run_rounds(list_slices(started)))
        overload = {work: measured.overload(work) for work in list(WORKS)[:2]} if options.overload else {}
    return {
        **machine.describe(),
        "versions": database["versions"] | builds.read_versions(optional),
        "options": {name: getattr(options, name) for name in ("rounds", "seconds", "clients", "rows", "overload")},
        "slices": taken,
        "overload": overload,
    }


def list_slices(started: Collection[str]) -> list[tuple[str, str]]:
    """Return each work with each program that does it and has been started."""
    return [(work, name) for work in WORKS for name in WORKS[work][2] if name in started]


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


class Measurement(slices.Measurement):
    """The started programs, and what to read from them."""

    def __init__(self, folder: Path, started: dict[str, Server], keys: list[str], options: argparse.Namespace) -> None:
        super().__init__(folder, started, options)
        self.keys = keys

    def specify(self, work: str) -> dict[str, Any]:
        path, headers, _ = WORKS[work]
        return {"paths": [path.format(key) for key in self.keys] if path == KEY else [path], "headers": headers}

    def overload(self, work: str) -> dict[str, Any]:
        """Return what becomes of twice the load that the service can carry, and what that is.

        `cost` and `refusal` are the microseconds of processor time of an answer, when as many come as it can carry,
        and of a refusal, when there is nothing else.
        """
        seconds = self.options.overload
        cost, full = self.measure_cost(work, "service", max(seconds / 6, 1))
        refusal, refused = self.measure_cost(work, REFUSING, max(seconds / 6, 1), clients=OVERLOAD_CLIENTS)
        if refused["answers"].keys() != {"503"}:
            raise SystemExit(f"{REFUSING} did not refuse every request for {work}: {refused}")
        capacity = full["count"] / full["seconds"]
        done = self.drive(work, "service", seconds, rate=2 * capacity, clients=OVERLOAD_CLIENTS)
        return {"capacity": capacity, "cost": cost, "refusal": refusal, **done}


if __name__ == "__main__":
    main()
