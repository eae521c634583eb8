"""What the slices of writes amount to: costs, round trips and targets, and the tables in docs/performance.md."""

import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.performance import report
from tests.performance.report import Figures, Target

BLOCK = re.compile(r"(?<=<!-- writes -->\n).*(?=<!-- end of writes -->)", re.DOTALL)

PLAIN = "create"
JOB = "create, with its job"
KEY = "create, with a key"
KEY_AND_JOB = "create, with a key and its job"
CHANGE = "change of a version"

MOST_TO_FLOOR = 2.0
"""What the service may cost, in terms of the least that Python needs for the same effects."""

MOST_TO_AXUM = {JOB: 2.8, KEY_AND_JOB: 3.8}
"""The same in terms of what a compiled program needs to insert the row, and nothing else."""


def list_targets(figures: Figures) -> Iterator[Target]:
    """Yield every target with what was measured."""
    for work in figures["trips"]:
        yield compare(figures, work, (work, "floor"), "the floor of the same effects", MOST_TO_FLOOR)
    if "axum" in figures["trips"][PLAIN]:
        for work, most in MOST_TO_AXUM.items():
            yield compare(figures, work, (PLAIN, "axum"), "Axum's plain insert", most)


def compare(figures: Figures, work: str, other: tuple[str, str], name: str, most: float) -> Target:
    """Return what the service needs for a work, against the work of another program."""
    ratio = report.combine(figures, (work, "service"), other, report.divide)
    measured = report.show(ratio, 2, " times")
    return Target(f"{work}, against {name}", f"≤ {most:g} times", measured, ratio.median <= most)


def list_costs(figures: Figures) -> Iterator[str]:
    """Yield a line for each work of each program."""
    for work, programs in figures["trips"].items():
        for program, trips in programs.items():
            cost = report.sum_up(report.collect(figures, work, program, "cpu"))
            rate, half, most = (
                statistics.median(report.collect(figures, work, program, kind)) for kind in ("rate", "p50", "p99")
            )
            cells = (work, program, report.show(cost, 0, ""), f"{trips:.0f}", f"{rate:,.0f}")
            yield f"| {' | '.join(cells)} | {half:.1f} ms | {most:.1f} ms |"


def draw_text(figures: Figures) -> str:
    """Return the figures as Markdown."""
    return "\n".join(
        [
            report.describe_run(figures),
            "",
            "| work | program | µs of processor time | round trips | requests/s | p50 | p99 |",
            "|---|---|---|---|---|---|---|",
            *list_costs(figures),
            "",
            *report.draw_targets(list_targets(figures)),
            "",
        ]
    )


def write(figures: Figures, docs: Path) -> None:
    """Renew the tables in `docs`, and the data behind them."""
    (docs / "figures/writes.json").write_text(report.encode(figures))
    page = docs / "performance.md"
    page.write_text(BLOCK.sub(lambda _: draw_text(figures), page.read_text()))
