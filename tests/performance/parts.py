"""What each part of the service costs a request, by leaving it out: `uv run python -m tests.performance.parts`.

The whole service, the service without each part, and the programs of `compare` beside it take turns under load. Prints
what an order by key and a page of 50 cost less without the part, in µs of processor time.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

from tests.performance import rendered, report, servers
from tests.performance.compare import Measurement
from tests.performance.report import KEY, PAGE

PARTS = ("log and counts", "ETag", "time limits of statements", "account of time", "token", "deadline of the request")
WHOLE = "nothing"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.6, help="the length of a slice")
    parser.add_argument("--clients", type=int, default=32, help="connections of the closed loop")
    parser.add_argument("--rows", type=int, default=20_000, help="orders in the table")
    options = parser.parse_args()
    with rendered.make() as folder:
        costs = measure(folder, options)
    print("| without | an order by key | a page of 50 |\n|---|---|---|")
    for name in costs[KEY]:
        cells = (report.sum_up([a - b for a, b in zip(costs[w][WHOLE], costs[w][name], strict=True)]) for w in costs)
        print(f"| {name} | {' | '.join(report.show(cell, 0, '') for cell in cells)} |")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Return what a request cost in each round, by the work and by what was left out."""
    with ExitStack() as stack:
        database = stack.enter_context(servers.provide_database(folder, options.rows, 1000))
        started = {
            name: stack.enter_context(servers.start(name, folder, database["url"], "without", PART=name))
            for name in (WHOLE, *PARTS)
        }
        started |= {
            name: stack.enter_context(servers.start(name, folder, database["url"])) for name in ("bare", "floor")
        }
        measured = Measurement(folder, started, database["keys"], options)
        slices = [(work, name) for work in (KEY, PAGE) for name in started]
        for work, name in slices:
            measured.drive(work, name, options.seconds)
        costs: dict[str, dict[str, list[float]]] = {work: {name: [] for name in started} for work in (KEY, PAGE)}
        for number in range(options.rounds):
            for work, name in slices if number % 2 == 0 else reversed(slices):
                costs[work][name].append(measured.measure_slice(work, name)["cpu"])
    return costs


if __name__ == "__main__":
    main()
