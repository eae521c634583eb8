"""What one worker on one core carries, and what gives way beyond: `uv run python -m tests.performance.capacity`.

Serves orders with default settings from one core; the database and the load have the other. For reads by key, pages,
creates and a mix of them, the rate rises until requests wait or fail. Then the rate that was carried is sent again, and
twice that, to see which core, which pool and which limit are full. Prints tables, and with `--write` renews those in
docs/capacity.md.
"""

import argparse
import json
import re
import statistics
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.harness import shell, snapshot
from tests.performance import rendered, report
from tests.performance.machine import find_processor

INSIDE = Path(__file__).with_name("inside") / "capacity.py"
BLOCK = re.compile(r"(?<=<!-- capacity -->\n).*(?=<!-- end of capacity -->)", re.DOTALL)

WORKS = {"read": "an order by key", "first page": "a page of 20", "create": "a create", "all": "a mix"}
LAYERS = ("pool", "database", "handler", "encoding", "compression")
SETTINGS = {"admission": "EDGE_CONCURRENCY", "pool": "DATABASE_POOL_WAITERS"}
"""Which limit refuses for a reason that `http_requests_refused_total` names."""

type Round = dict[str, Any]


def main() -> None:
    """Measure, print, and with `--write` renew the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="orders in the table")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="the length of each rate")
    parser.add_argument("--around", type=int, default=12, help="rates that are sent around the one that is carried")
    parser.add_argument("--write", action="store_true", help="renew the tables in docs/capacity.md")
    options = parser.parse_args()
    with rendered.make() as folder:
        command = [str(folder / ".venv/bin/python"), str(INSIDE)]
        command += map(str, (options.rows, options.rounds, options.seconds, options.around))
        done = subprocess.run(command, cwd=folder, env=shell.environment(), stdout=subprocess.PIPE, check=True)
    figures = json.loads(done.stdout)
    how = f"{options.rows:,} orders; {options.rounds} rounds of {options.seconds:g} s for each rate"
    taken = (
        f"Taken on {datetime.now(UTC):%Y-%m-%d}: {find_processor()}; one core for the worker, one for the rest; {how}."
    )
    text = "\n".join([taken, "", *draw(figures["figures"], figures["pool"]), ""])
    print(text)
    if options.write:
        page = snapshot.ROOT / "docs/capacity.md"
        page.write_text(BLOCK.sub(lambda _: text, page.read_text()))


def draw(figures: list[Round], pool: int) -> Iterator[str]:
    """Yield the lines of the tables. All values are medians over the rounds."""
    works = {name: [it for it in figures if it["work"] == work] for work, name in WORKS.items()}
    yield from tabulate(
        f"| requests | carried, a second | p50 | p99 | worker's core | PostgreSQL | load | of {pool} connections |",
        (describe_knee(name, rounds) for name, rounds in works.items()),
    )
    yield ""
    yield from tabulate(
        f"| mean ms of a request at that rate | {' | '.join(LAYERS)} |",
        ([name, *(f"{find_layer(rounds, layer):.2f}" for layer in LAYERS)] for name, rounds in works.items()),
    )
    yield ""
    yield from tabulate(
        "| at twice that rate | answered, a second | p99 | worker's core | refused by |",
        (describe_overload(name, rounds) for name, rounds in works.items()),
    )


def tabulate(head: str, rows: Iterable[list[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield head
    yield "|---" * (head.count("|") - 1) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def describe_knee(name: str, rounds: list[Round]) -> list[str]:
    """Return what one kind of request is carried at, and what is in use then."""
    carried = report.show(report.sum_up([it["rate"] for it in rounds]), 0, "")
    times = [f"{find(rounds, 'knee', key):.1f} ms" for key in ("p50", "p99")]
    shares = [show_share(find(rounds, "knee", key)) for key in ("worker", "database", "load")]
    held = f"{find(rounds, 'knee', 'in use'):.0f}, {find(rounds, 'knee', 'waiting'):.0f} waiting"
    return [name, carried, *times, *shares, held]


def describe_overload(name: str, rounds: list[Round]) -> list[str]:
    """Return what becomes of twice the rate that is carried, and which limits refuse."""
    refused: Counter[str] = Counter()
    for it in rounds:
        refused.update(it["beyond"]["refused"])
    total = refused.total()
    limits = (
        f"`{SETTINGS.get(reason, reason)}` {show_share(count / total)}" for reason, count in refused.most_common()
    )
    answered, p99, worker = (find(rounds, "beyond", key) for key in ("answered", "p99", "worker"))
    return [name, f"{answered:,.0f}", f"{p99:,.0f} ms", show_share(worker), ", ".join(limits) or "none"]


def show_share(value: float) -> str:
    """Return a share of one as percent."""
    return f"{value * 100:.0f} %"


def find(rounds: list[Round], place: str, key: str) -> float:
    """Return the median of a value at the knee, or beyond it."""
    return statistics.median(it[place][key] for it in rounds)


def find_layer(rounds: list[Round], layer: str) -> float:
    """Return the median of the mean time in a layer at the knee."""
    return statistics.median(it["knee"]["layers"].get(layer, 0) for it in rounds)


if __name__ == "__main__":
    main()
