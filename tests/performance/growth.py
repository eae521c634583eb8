"""What grows with the service, and what stays as it is: `uv run python -m tests.performance.growth`, or with names.

Each curve measures costs at several sizes, in turn, in the other order every second round. A cost has a knee at the
size from which on it is more than 1.25 times that of the smallest. Prints a table for each, and with `--write` keeps
the figures in docs/figures/growth.json and renews docs/growth.md with its picture.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from tests.harness import snapshot
from tests.performance import machine, rendered
from tests.performance.curves import bodies, connections, jobs, pages, rows, slices, tables, workers
from tests.performance.curves.curve import Curve

CURVES: dict[str, Curve] = {
    "rows": rows.CURVE,
    "connections": connections.CURVE,
    "workers": workers.CURVE,
    "depth": pages.DEPTH,
    "body": bodies.CURVE,
    "page": pages.LIMIT,
    "slices": slices.CURVE,
    "jobs": jobs.CURVE,
}


def main() -> None:
    """Measure, print, and with `--write` renew the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(CURVES)}; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="the length of a slice of load")
    parser.add_argument("--rows", type=int, default=250_000, help="orders in the table, where they do not grow")
    parser.add_argument("--most", type=int, help="leave out the sizes beyond it")
    parser.add_argument("--sizes", type=int, nargs="+", help="other sizes than usual")
    parser.add_argument("--suite", default="tests", help="the tests that are run in a service of many slices")
    parser.add_argument("--write", action="store_true", help="renew docs/growth.md and its figures")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - CURVES.keys())
    if unknown:
        parser.error(f"no curve is called {', '.join(unknown)}; choose from {', '.join(CURVES)}")
    if options.sizes and len(set(options.sizes)) < 2:
        parser.error("a curve needs two sizes")
    options.choose = partial(choose, options)
    docs = snapshot.ROOT / "docs"
    for name in options.names or CURVES:
        figures = {name: measure(CURVES[name], options)}
        print("\n".join(tables.draw(CURVES[name], figures[name])), flush=True)
        if options.write:
            kept = json.loads((docs / "figures/growth.json").read_text())
            tables.write(CURVES, {**kept, **figures}, docs)


def measure(curve: Curve, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of a curve, with when and how they were taken."""
    with rendered.make() as folder:
        points = curve.measure(folder, options)
    return {
        **machine.describe(),
        "rounds": options.rounds,
        "points": {str(size): values for size, values in points.items()},
    }


def choose(options: argparse.Namespace, usual: Sequence[int]) -> list[int]:
    """Return the sizes to measure at."""
    most = options.most or max(usual)
    return options.sizes or [size for size in usual if size <= most]


if __name__ == "__main__":
    main()
