# kit: updated by the template; extend it from app.py
"""The results of a run by step: requests, errors, times, CPU, layers, and exceeded budgets."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import ceil
from operator import attrgetter

import msgspec

from service_tools.pages import Page
from service_tools.perf.generator import NO_ANSWER, Sample
from service_tools.perf.scenario import Step
from service_tools.perf.usage import Usage

ALL_STEPS = "all"
LAYER = re.compile(r"([\w-]+);dur=([\d.]+)")

MAX_LATE_MS = 5.0
"""Beyond this, the machine was too busy to send the requests when they were due."""

COLUMNS = {
    "step": "",
    "requests": ",",
    "a second": ",.1f",
    "p50": ",.1f",
    "p95": ",.1f",
    "p99": ",.1f",
    "max": ",.1f",
    "CPU µs": ",.0f",
}
read_cells = attrgetter(
    "step",
    "requests",
    "per_second",
    "p50",
    "p95",
    "p99",
    "most",
    "cpu_us",
)
"""Returns the cells of a row."""


class Row(msgspec.Struct, frozen=True):
    """A step, or all of them. Times are milliseconds; `cpu_us` is microseconds for each request.

    `errors` counts the answers that were not expected, by status. `layers` has the mean time in
    each layer that the service names in `Server-Timing`.
    """

    step: str
    requests: int
    per_second: float
    errors: Mapping[str, int]
    p50: float
    p95: float
    p99: float
    most: float
    mean: float
    cpu_us: float | None
    layers: Mapping[str, float]

    @property
    def wrong(self) -> int:
        """The number of answers that were not expected."""
        return sum(self.errors.values())

    @property
    def wrong_percent(self) -> float:
        return 100 * self.wrong / self.requests

    @property
    def answered(self) -> float:
        """The answers a second that were expected."""
        return self.per_second * (1 - self.wrong / self.requests)


class Report(msgspec.Struct, frozen=True):
    """One run of a scenario. The last row is that of all requests.

    `late_ms` is the p99 of how late this process sent them.
    """

    scenario: str
    load: str
    rate: float
    rows: Sequence[Row]
    late_ms: float
    usage: Usage
    exceeded: Sequence[str]

    @property
    def total(self) -> Row:
        return self.rows[-1]

    @property
    def cores(self) -> float:
        """CPU cores that the service used."""
        return (self.total.cpu_us or 0) * self.total.per_second / 1e6


def summarise(step: str, samples: Sequence[Sample], seconds: float, cpu: float | None) -> Row:
    """Return the results of a step. `cpu` is the seconds of CPU that the service used."""
    count = len(samples)
    times = sorted(sample.seconds * 1000 for sample in samples)
    wrong = [sample.status for sample in samples if not sample.is_expected]
    return Row(
        step=step,
        requests=count,
        per_second=count / seconds,
        errors=Counter(map(name_status, wrong)),
        p50=find_rank(times, 0.5),
        p95=find_rank(times, 0.95),
        p99=find_rank(times, 0.99),
        most=find_rank(times, 1),
        mean=sum(times) / max(1, count),
        cpu_us=None if cpu is None or not count else cpu / count * 1e6,
        layers=average_layers(samples),
    )


def name_status(status: int) -> str:
    return "no answer" if status == NO_ANSWER else str(status)


def find_rank(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that a share of all does not exceed; 0 if there is none."""
    if not ordered:
        return 0.0
    return ordered[ceil(share * len(ordered)) - 1]


def average_layers(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the mean milliseconds in each layer, over the requests whose answer has them."""
    headers = [sample.timing.decode("latin-1") for sample in samples if sample.timing]
    sums: defaultdict[str, float] = defaultdict(float)
    for layer, milliseconds in LAYER.findall("\n".join(headers)):
        sums[layer] += float(milliseconds)
    return {layer: total / len(headers) for layer, total in sums.items()}


def list_layers(tables: Iterable[Mapping[str, float]]) -> list[str]:
    """Return the names of all layers in tables of times, each once."""
    return [*dict.fromkeys(chain.from_iterable(tables))]


def find_exceeded(steps: Sequence[Step], rows: Sequence[Row]) -> Iterator[str]:
    """Yield unexpected answers and exceeded budgets of steps. Their rows have the same order."""
    for step, row in zip(steps, rows, strict=True):
        for status, count in row.errors.items():
            yield (
                f"{step.name}: {count:,} of {row.requests:,} were not answered {step.expect}, "
                f"but {status}"
            )
        if step.p99_ms is not None and row.p99 > step.p99_ms:
            yield (
                f"{step.name}: its p99 of {row.p99:.1f} ms is over its budget of {step.p99_ms:g} ms"
            )


def show_steps(report: Report, page: Page) -> None:
    """Show the steps of a run, and remarks on it."""
    layers = list_layers(row.layers for row in report.rows)
    rows = []
    for row in report.rows:
        times = [row.layers.get(layer, 0.0) for layer in layers]
        rows.append([*read_cells(row), *times])
    page.say(f"{report.scenario}: {report.load}; times in ms")
    page.tabulate({**COLUMNS, **dict.fromkeys(layers, ".3f")}, rows)
    if report.usage.memory_mb is not None:
        page.say(f"Memory of the service: {report.usage.memory_mb:,.0f} MB.")
    if report.late_ms > MAX_LATE_MS:
        page.say(
            f"Requests were sent {report.late_ms:.0f} ms late (p99): "
            "this machine is too busy for these times."
        )
    page.say(*(f"{line}." for line in report.exceeded))
