"""What the slices of a comparison amount to: medians with their spread, the targets, and the page in docs/."""

import json
import re
import statistics
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.performance import chart

type Figures = dict[str, Any]

BLOCK = re.compile(r"(?<=<!-- compare -->\n).*(?=<!-- end of compare -->)", re.DOTALL)
COSTS = re.compile(r"(?<=<!-- costs -->\n).*(?=<!-- end of costs -->)", re.DOTALL)
SHOWN = {
    "axum": "Axum and SQLx, without the duties",
    "fastify": "Fastify and pg, without the duties",
    "floor": "the least Python can do, without the duties",
    "axum with duties": "Axum and SQLx, with a token, limits, a deadline, a log and ETags",
    "service": "**the service, with every duty**",
    "conventional": "FastAPI and SQLAlchemy, without the duties",
}
"""The programs of the small table, and what it calls them."""

KEY, PAGE, ZSTD = "one order by key", "page of 50", "page of 50, zstd"


class Spread(NamedTuple):
    """The median of one value for each round, and the least and the most."""

    median: float
    least: float
    most: float


class Target(NamedTuple):
    """What was to be reached, and what was."""

    name: str
    wanted: str
    measured: str
    met: bool


def sum_up(values: list[float]) -> Spread:
    """Return the spread of values."""
    return Spread(statistics.median(values), min(values), max(values))


def collect(figures: Figures, work: str, program: str, kind: str) -> list[float]:
    """Return one value for each round, in the order of the rounds."""
    return [part[kind] for part in figures["slices"] if (part["work"], part["program"]) == (work, program)]


def combine(figures: Figures, one: tuple[str, str], other: tuple[str, str], by: Callable[..., float]) -> Spread:
    """Return the spread of what `by` makes of two programs' processor times, round by round."""
    return sum_up(
        [by(*pair) for pair in zip(collect(figures, *one, "cpu"), collect(figures, *other, "cpu"), strict=True)]
    )


def list_targets(figures: Figures) -> Iterator[Target]:
    """Yield every target with what was measured."""
    for work, base, most in ((KEY, "axum", 1.6), (KEY, "floor", 1.6), (PAGE, "axum", 1.2), (PAGE, "floor", 1.25)):
        if collect(figures, work, base, "cpu"):
            ratio = combine(figures, (work, "service"), (work, base), divide)
            yield Target(f"{work}, against {base}", f"≤ {most} times", show(ratio, 2, " times"), ratio.median <= most)
    for work, least in ((KEY, 9), (PAGE, 6)):
        ratio = combine(figures, (work, "conventional"), (work, "service"), divide)
        yield Target(
            f"{work}, cheaper than conventional", f"≥ {least} times", show(ratio, 1, " times"), ratio.median >= least
        )
    cost = combine(figures, (KEY, "service"), (KEY, "bare"), lambda whole, bare: whole - bare)
    yield Target("the whole edge, for each request", "≤ 45 µs", show(cost, 0, " µs"), cost.median <= 45)
    cost = combine(figures, (ZSTD, "service"), (PAGE, "service"), lambda packed, plain: packed - plain)
    plain, packed = (statistics.median(collect(figures, work, "service", "bytes")) for work in (PAGE, ZSTD))
    saved = 1 - packed / plain
    yield Target("zstd on a page of 50", "≤ 40 µs", show(cost, 0, " µs"), saved > 0 and cost.median <= 40)
    yield Target("bytes that zstd saves on it", "≥ 90 %", f"{saved * 100:.1f} % of {plain:,.0f}", saved >= 0.9)
    for work, done in figures["overload"].items():
        yield from judge_overload(f"{work}, at twice the capacity", done)


def divide(cost: float, base: float) -> float:
    """Return how many times as much something costs."""
    return cost / base


def judge_overload(name: str, done: dict[str, Any]) -> Iterator[Target]:
    """Yield what became of the requests when there were too many."""
    answers = done["answers"]
    good = answers.get("200", {"count": 0})["count"] / done["seconds"] / done["capacity"]
    bound = bound_goodput(done["cost"], done["refusal"])
    wanted = f"within 5 points of about {bound * 100:.0f} %, the bound by a refusal's cost of {done['refusal']:.0f} µs"
    measured = f"{good * 100:.0f} % of {done['capacity']:,.0f}/s"
    yield Target(f"{name}: goodput", wanted, measured, good >= bound - 0.05)
    refused = answers.get("503", {"p99": 0.0, "count": 0})
    took = f"{refused['p99']:,.0f} ms for {refused['count']:,}"
    yield Target(f"{name}: refusals, p99", "≤ 150 ms", took, 0 < refused["p99"] <= 150)
    rest = {status: answer["count"] for status, answer in answers.items() if status not in ("200", "503")}
    rest |= {"without an answer": done["unanswered"]} if done["unanswered"] else {}
    listed = ", ".join(f"{count:,} {'cut' if kind == '0' else kind}" for kind, count in rest.items())
    yield Target(f"{name}: other than 200 and 503", "none", listed or "none", not rest)


def bound_goodput(cost: float, refusal: float) -> float:
    """Return which share of its capacity a server can answer when twice as much comes, by what each answer costs.

    For each request that it can carry, it answers `good` and refuses `2 - good`, and all of that takes the time of one:
    good * cost + (2 - good) * refusal = cost.
    """
    if refusal * 2 >= cost:
        return 0.0
    return (cost - 2 * refusal) / (cost - refusal)


def show(spread: Spread, digits: int, unit: str) -> str:
    """Return a median with its spread."""
    median, least, most = (f"{value:,.{digits}f}" for value in spread)
    return f"{median}{unit} ({least} to {most})"


def list_costs(figures: Figures) -> Iterator[tuple[str, ...]]:
    """Yield a row for each work of each program."""
    for work, program in dict.fromkeys((part["work"], part["program"]) for part in figures["slices"]):
        cost, rate, half, most = (
            sum_up(collect(figures, work, program, kind)) for kind in ("cpu", "rate", "p50", "p99")
        )
        middle = (f"{rate.median:,.0f}", f"{half.median:.1f} ms", f"{most.median:.1f} ms")
        yield work, program, show(cost, 0, ""), *middle


def draw_text(figures: Figures) -> str:
    """Return the figures as Markdown, which a terminal shows well enough."""
    return "\n".join(
        [
            describe_run(figures),
            "",
            "| work | program | µs of processor time | requests/s | p50 | p99 |",
            "|---|---|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in list_costs(figures)),
            "",
            *draw_targets(list_targets(figures)),
            "",
        ]
    )


def draw_costs(figures: Figures) -> str:
    """Return the small table in Markdown, the cheapest first: the median of what a request costs each program."""
    lines = ["| a request, in µs of processor time | one order by key | page of 50 |", "|---|---|---|"]
    costs = {name: [collect(figures, work, name, "cpu") for work in (KEY, PAGE)] for name in SHOWN}
    medians = {name: [statistics.median(rounds) for rounds in both] for name, both in costs.items() if all(both)}
    for name in sorted(medians, key=medians.__getitem__):
        cells = [f"{cost:,.0f}" for cost in medians[name]]
        lines.append(f"| {' | '.join([SHOWN[name], *cells])} |")
    return "\n".join(
        [*lines, "", f"Measured on {figures['taken']}: {figures['machine']}; each program on one core.", ""]
    )


def describe_run(figures: Figures) -> str:
    """Return when, on what and how the figures were taken."""
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    options = figures["options"]
    how = f"{options['rounds']} rounds of {options['seconds']:g} s, {options['clients']} connections"
    rows = f"{options['rows']:,} orders"
    return f"Taken on {figures['taken']}: {figures['machine']}; {rows}; {how}. {versions}."


def draw_targets(targets: Iterable[Target]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| target | wanted | measured | |"
    yield "|---|---|---|---|"
    for name, wanted, measured, met in targets:
        yield f"| {name} | {wanted} | {measured} | {'met' if met else '**missed**'} |"


def write(figures: Figures, docs: Path) -> None:
    """Renew the page of figures in `docs`, its plot, its data, and the small table on the first pages."""
    folder = docs / "figures"
    folder.mkdir(exist_ok=True)
    (folder / "compare.json").write_text(encode(figures))
    (folder / "compare.svg").write_text(chart.draw(figures))
    page = docs / "performance.md"
    page.write_text(BLOCK.sub(lambda _: draw_text(figures), page.read_text()))
    for first in (docs.parent / "README.md", docs / "index.md"):
        first.write_text(COSTS.sub(lambda _: draw_costs(figures), first.read_text()))


def encode(figures: Figures) -> str:
    """Return the figures as JSON, with a line for each slice."""
    head = json.dumps({name: value for name, value in figures.items() if name != "slices"}, indent=1)
    slices = ",\n".join(json.dumps(part) for part in figures["slices"])
    return f'{head[:-2]},\n "slices": [\n{slices}\n]}}\n'
