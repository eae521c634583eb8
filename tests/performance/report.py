"""What the slices of a comparison amount to: medians with their spread, the targets, and the page in docs/."""

import json
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.performance import chart

type Figures = dict[str, Any]

BLOCK = re.compile(r"(?<=<!-- compare -->\n).*(?=<!-- end of compare -->)", re.DOTALL)
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
    for work, most, least in ((KEY, 2.6, 7.5), (PAGE, 1.5, 5.2)):
        own, floor, usual = ((work, name) for name in ("service", "floor", "conventional"))
        ratio = combine(figures, own, floor, lambda cost, base: cost / base)
        yield Target(f"{work}, against the floor", f"≤ {most} times", show(ratio, 2, " times"), ratio.median <= most)
        ratio = combine(figures, usual, own, lambda cost, base: cost / base)
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


def judge_overload(name: str, done: dict[str, Any]) -> Iterator[Target]:
    """Yield what became of the requests when there were too many."""
    answers = done["answers"]
    good = answers.get("200", {"count": 0})["count"] / done["seconds"] / done["capacity"]
    yield Target(
        f"{name}: goodput", "≥ 90 % of capacity", f"{good * 100:.0f} % of {done['capacity']:,.0f}/s", good >= 0.9
    )
    refused = answers.get("503", {"p99": 0.0, "count": 0})
    took = f"{refused['p99']:,.0f} ms for {refused['count']:,}"
    yield Target(f"{name}: refusals, p99", "≤ 150 ms", took, 0 < refused["p99"] <= 150)
    rest = {status: answer["count"] for status, answer in answers.items() if status not in ("200", "503")}
    rest |= {"without an answer": done["unanswered"]} if done["unanswered"] else {}
    listed = ", ".join(f"{count:,} {'cut' if kind == '0' else kind}" for kind, count in rest.items())
    yield Target(f"{name}: other than 200 and 503", "none", listed or "none", not rest)


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
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    options = figures["options"]
    how = f"{options['rounds']} rounds of {options['seconds']:g} s, {options['clients']} connections"
    rows = f"{options['rows']:,} orders"
    return "\n".join(
        [
            f"Taken on {figures['taken']}: {figures['machine']}; {rows}; {how}. {versions}.",
            "",
            "| work | program | µs of processor time | requests/s | p50 | p99 |",
            "|---|---|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in list_costs(figures)),
            "",
            "| target | wanted | measured | |",
            "|---|---|---|---|",
            *(
                f"| {name} | {want} | {got} | {'met' if met else '**missed**'} |"
                for name, want, got, met in list_targets(figures)
            ),
            "",
        ]
    )


def write(figures: Figures, docs: Path) -> None:
    """Renew the page of figures in `docs`, its plot and its data."""
    folder = docs / "figures"
    folder.mkdir(exist_ok=True)
    (folder / "compare.json").write_text(encode(figures))
    (folder / "compare.svg").write_text(chart.draw(figures))
    page = docs / "performance.md"
    page.write_text(BLOCK.sub(lambda _: draw_text(figures), page.read_text()))


def encode(figures: Figures) -> str:
    """Return the figures as JSON, with a line for each slice."""
    head = json.dumps({name: value for name, value in figures.items() if name != "slices"}, indent=1)
    slices = ",\n".join(json.dumps(part) for part in figures["slices"])
    return f'{head[:-2]},\n "slices": [\n{slices}\n]}}\n'
