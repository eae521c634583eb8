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
from service_tools.perf.usage import Usage, average_middle

ALL_STEPS = "all"
TOLD = re.compile(r"([\w-]+)(?:;dur=|: )([\d.]+)")
"""Milliseconds in `Server-Timing`, or the number of statements."""

MIN_BEYOND = 5
"""A percentile needs as many requests that took longer: a p99 needs 500, a p50 needs 10."""

MAX_OUTLIERS = 2
"""Slow requests, or unexpected answers, that a busy moment of the machine explains."""

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

    `errors` counts the answers that were not expected, by status. `mean` is that of the middle half
    of the others. So are `layers`, which the service tells in `Server-Timing`: the time in each,
    `cpu` in its event loop, and the number of `statements`. `network` is what is left; a quarter of
    the requests need less. A percentile is None of too few requests.
    """

    step: str
    requests: int
    per_second: float
    errors: Mapping[str, int]
    p50: float | None
    p95: float | None
    p99: float | None
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

    `late_ms` is the p99 of how late this process sent them, and `tail_ms` what all but 1 % of the
    requests, or all but two, did not exceed. `statuses` counts answers by status, for each second.
    `limit` is what was full, and `reason` says how that shows.
    """

    scenario: str
    load: str
    rate: float
    rows: Sequence[Row]
    late_ms: float
    usage: Usage
    exceeded: Sequence[str]
    tail_ms: float = 0.0
    limit: str = ""
    reason: str = ""
    statuses: Sequence[Mapping[str, int]] = ()

    @property
    def total(self) -> Row:
        return self.rows[-1]

    @property
    def cores(self) -> float | None:
        """CPU cores that the service used."""
        used = self.total.cpu_us
        if used is None:
            return None
        return used * self.total.per_second / 1e6


def summarise(step: str, samples: Sequence[Sample], seconds: float, cpu: float | None) -> Row:
    """Return the results of a step. `cpu` is the seconds of CPU that the service used."""
    right = [sample for sample in samples if sample.is_expected]
    mean = average_middle([sample.seconds * 1000 for sample in right])
    layers = average_layers([read_timing(sample) for sample in right if sample.timing])
    return make_row(step, samples, seconds, cpu, mean, layers)


def make_row(
    step: str,
    samples: Sequence[Sample],
    seconds: float,
    cpu: float | None,
    mean: float,
    layers: Mapping[str, float],
) -> Row:
    """Return the results of some samples, with these averages."""
    count = len(samples)
    times = sorted(sample.seconds * 1000 for sample in samples)
    wrong = [sample.status for sample in samples if not sample.is_expected]
    return Row(
        step=step,
        requests=count,
        per_second=count / seconds,
        errors=Counter(map(name_status, wrong)),
        p50=find_percentile(times, 0.5),
        p95=find_percentile(times, 0.95),
        p99=find_percentile(times, 0.99),
        most=find_rank(times, 1),
        mean=mean,
        cpu_us=None if cpu is None or not count else cpu / count * 1e6,
        layers=layers,
    )


def name_status(status: int) -> str:
    return "no answer" if status == NO_ANSWER else str(status)


def find_rank(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that a share of all does not exceed; 0 if there is none."""
    if not ordered:
        return 0.0
    return ordered[ceil(share * len(ordered)) - 1]


def find_percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return a percentile, or None if fewer than MIN_BEYOND values are beyond it."""
    beyond = len(ordered) - ceil(share * len(ordered))
    return find_rank(ordered, share) if beyond >= MIN_BEYOND else None


def find_tail(samples: Sequence[Sample]) -> float:
    times = sorted(sample.seconds * 1000 for sample in samples)
    allowed = max(MAX_OUTLIERS, len(times) // 100)
    return times[-1 - allowed] if allowed < len(times) else find_rank(times, 1)


def find_pool_share(samples: Sequence[Sample]) -> float:
    """Return the share of all requests' time in the service that they waited for a connection."""
    told = [read_timing(sample) for sample in samples if sample.timing]
    waited = sum(times.get("pool", 0.0) for times in told)
    return waited / (sum(times.get("total", 0.0) for times in told) or 1.0)


def count_statuses(samples: Sequence[Sample]) -> list[dict[str, int]]:
    """Return how many requests of each second were answered with which status."""
    if not samples:
        return []
    began = min(sample.due for sample in samples)
    seconds: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        seconds[int(sample.due - began)][name_status(sample.status)] += 1
    return [dict(seconds[number]) for number in range(max(seconds) + 1)]


def read_timing(sample: Sample) -> dict[str, float]:
    """Return what the service tells of a request, and the `network`, of which it knows nothing."""
    found = TOLD.findall(sample.timing.decode("latin-1"))
    told = {name: float(number) for name, number in found}
    told["network"] = sample.seconds * 1000 - told.get("total", 0.0)
    return told


def average_layers(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return what `Row.layers` has of the requests whose answers have `Server-Timing`."""
    averages = {}
    for layer in list_layers(told):
        values = [times.get(layer, 0.0) for times in told]
        is_rest = layer == "network"
        averages[layer] = find_rank(sorted(values), 0.25) if is_rest else average_middle(values)
    return averages


def combine_rows(
    rows: Sequence[Row], samples: Sequence[Sample], seconds: float, cpu: float | None
) -> Row:
    """Return the row of all steps with the averages of each, by its number of requests."""

    def weigh(values: Iterable[float]) -> float:
        pairs = zip(rows, values, strict=True)
        weighted = [row.requests * value for row, value in pairs]
        return sum(weighted) / max(1, len(samples))

    layers = {}
    for layer in list_layers(row.layers for row in rows):
        layers[layer] = weigh(row.layers.get(layer, 0.0) for row in rows)
    mean = weigh(row.mean for row in rows)
    return make_row(ALL_STEPS, samples, seconds, cpu, mean, layers)


def list_layers(tables: Iterable[Mapping[str, float]]) -> list[str]:
    """Return the names of all layers in tables of times, each once."""
    return [*dict.fromkeys(chain.from_iterable(tables))]


def find_exceeded(step: Step, row: Row, samples: Sequence[Sample]) -> Iterator[str]:
    """Yield unexpected answers and an exceeded budget: that of a p99 is by 1 % of the requests."""
    for status, count in row.errors.items():
        yield (
            f"{step.name}: {count:,} of {row.requests:,} "
            f"were not answered {step.expect}, but {status}"
        )
    if step.p99_ms is None:
        return
    slow = sum(sample.seconds * 1000 > step.p99_ms for sample in samples)
    if slow > len(samples) / 100:
        yield (
            f"{step.name}: {slow:,} of {row.requests:,} "
            f"took longer than {step.p99_ms:g} ms, the budget of its p99"
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
    if any(row.p99 is None for row in report.rows):
        page.say("A percentile of too few requests is left out: a p99 needs 500. See `--seconds`.")
    if report.usage.memory_mb is not None:
        page.say(f"Memory of the service: {report.usage.memory_mb:,.0f} MB.")
    show_remarks(report, page)


def show_remarks(report: Report, page: Page) -> None:
    """Show what speaks against the times of a run, and its unexpected answers."""
    if report.late_ms > MAX_LATE_MS:
        page.say(
            f"Requests were sent {report.late_ms:.0f} ms late (p99): "
            "this machine is too busy for these times."
        )
    page.say(*(f"{line}." for line in report.exceeded))
