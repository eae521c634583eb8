# kit: updated by the template; extend it from app.py
"""What a run has shown: for each step its requests, errors, times, cost and layers, and where it
exceeds its budget.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from service_tools.pages import Page
from service_tools.perf.load import NO_ANSWER, Sample
from service_tools.perf.scenario import Step

ALL = "all"
LAYER = re.compile(r"([\w-]+);dur=([\d.]+)")

MOST_LATE_MS = 5.0
"""With more, the machine was too busy to send the requests when they were due."""


class Row(msgspec.Struct, frozen=True):
    """A step, or all of them. Times are milliseconds; `cpu_us` is microseconds of the service for
    each request.

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

    def show_times(self) -> list[str]:
        return [f"{ms:,.1f}" for ms in (self.p50, self.p95, self.p99, self.most)]

    def show_cpu(self) -> str:
        return "-" if self.cpu_us is None else f"{self.cpu_us:,.0f}"


class Usage(msgspec.Struct, frozen=True):
    """Resident memory, where the service is ours; the most connections in use, and requests that
    waited for one.

    The event loop was later than `lag_p99_ms` in 1 % of the looks at it, at most.
    """

    memory_mb: float | None = None
    pool_in_use: float = 0.0
    pool_waiting: float = 0.0
    lag_p99_ms: float = 0.0


class Report(msgspec.Struct, frozen=True):
    """One run of a scenario. `late_ms` is the p99 of our own lateness. The last row is that of all
    requests.
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
        """What the service used of the machine's processors."""
        return (self.total.cpu_us or 0) * self.total.per_second / 1e6


def summarise(
    step: str,
    expected: Mapping[str, int],
    samples: Sequence[Sample],
    seconds: float,
    cpu: float | None,
) -> Row:
    """Return what is known of a step. `cpu` is the processor time of the service meanwhile, in
    seconds.
    """
    times, count = sorted(sample.seconds * 1000 for sample in samples), len(samples)
    wrong = Counter(sample.status for sample in samples if sample.status != expected[sample.step])
    errors = {
        "no answer" if status == NO_ANSWER else str(status): times
        for status, times in wrong.items()
    }
    cpu_us = None if cpu is None or not count else cpu / count * 1e6
    mean = sum(times) / count if count else 0.0
    p50, p95, p99, most = (rank(times, share) for share in (0.5, 0.95, 0.99, 1))
    return Row(
        step, count, count / seconds, errors, p50, p95, p99, most, mean, cpu_us, average(samples)
    )


def rank(ordered: Sequence[float], share: float) -> float:
    """Return the least value that a share of all does not exceed; 0 of none."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def average(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the mean milliseconds in each layer, over the requests whose answer tells them."""
    told = [sample.timing.decode("latin-1") for sample in samples if sample.timing]
    sums: defaultdict[str, float] = defaultdict(float)
    for layer, milliseconds in LAYER.findall("\n".join(told)):
        sums[layer] += float(milliseconds)
    return {layer: total / len(told) for layer, total in sums.items()}


def find_exceeded(steps: Sequence[Step], rows: Sequence[Row]) -> Iterator[str]:
    """Yield unexpected answers, and the budgets exceeded."""
    by_name = {row.step: row for row in rows}
    for step in steps:
        row = by_name[step.name]
        for status, times in row.errors.items():
            yield f"{step.name}: {times:,} of {row.requests:,} were not answered {step.expect}, but {status}"
        if step.p99_ms is not None and row.p99 > step.p99_ms:
            yield f"{step.name}: its p99 of {row.p99:.1f} ms is over its budget of {step.p99_ms:g} ms"


def show(report: Report, page: Page) -> None:
    """Show the steps of a run, and remarks on it."""
    layers = list(dict.fromkeys(layer for row in report.rows for layer in row.layers))
    titles = ["step", "requests", "a second", "p50", "p95", "p99", "max", "CPU µs", *layers]
    rows = []
    for row in report.rows:
        mean = [f"{row.layers.get(layer, 0):.3f}" for layer in layers]
        rows.append(
            [
                row.step,
                f"{row.requests:,}",
                f"{row.per_second:,.1f}",
                *row.show_times(),
                row.show_cpu(),
                *mean,
            ]
        )
    page.say(f"{report.scenario}: {report.load}; times in ms")
    page.tabulate(titles, rows)
    if report.usage.memory_mb is not None:
        page.say(f"Memory of the service: {report.usage.memory_mb:,.0f} MB.")
    if report.late_ms > MOST_LATE_MS:
        page.say(
            f"Requests were sent {report.late_ms:.0f} ms late (p99): this machine is too busy for these times."
        )
    page.say(*(f"{line}." for line in report.exceeded))
