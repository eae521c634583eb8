# kit: updated by the template; extend it from app.py
"""A scenario at rates that rise to beyond what the service can carry, and what it used at each."""

import re
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter

import msgspec

from service_tools.perf import load, requests, runs
from service_tools.perf.report import ALL, Report, Row
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import Target

SHARES = (0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.1)
"""The rates, as shares of what is answered at full speed over CONNECTIONS."""

CONNECTIONS, PROBE_SECONDS = 16, 3.0
SAMPLE_SECONDS = 0.5
PATIENCE = 2
"""Rates in a row that were not carried: one may only have met a busy moment of the machine."""
KNEE_FACTOR, KNEE_MS = 5, 100.0
"""A rate is carried while its p99 is within five times that of the first rate, or within 100 ms."""

METRIC = re.compile(
    r"^(db_pool_connections_in_use|db_pool_waiting_requests|event_loop_lag_seconds_\w+?)"
    r'(?:\{(?:le|pool)="([^"]*)"\})? (\S+)$',
    re.MULTILINE,
)


class State(msgspec.Struct, frozen=True):
    """What the service used at one rate: cores, MB, connections of its pools, requests that waited for one, lag."""

    cores: float = 0.0
    memory_mb: float = 0.0
    pool_in_use: float = 0.0
    pool_waiting: float = 0.0
    lag_mean_ms: float = 0.0
    lag_p99_ms: float = 0.0


class Stage(msgspec.Struct, frozen=True):
    """One rate, with its report, of which the last row is that of all requests."""

    rate: float
    report: Report
    state: State

    @property
    def total(self) -> Row:
        return self.report.rows[-1]


class Ramp(msgspec.Struct, frozen=True):
    """All rates of a scenario. `knee` is the highest that was carried, in requests a second; 0 if none was."""

    scenario: str
    knee: float
    stages: Sequence[Stage]


class Sampler:
    """Looks at the service's metrics while its block runs."""

    def __init__(self, target: Target) -> None:
        self.target, self.over = target, threading.Event()
        self.seen: list[dict[str, float]] = []

    def __enter__(self) -> "Sampler":
        self.first, self.began, self.cpu = self.read(), perf_counter(), self.target.read_cpu() or 0
        self.thread = threading.Thread(target=self.repeat, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def repeat(self) -> None:
        while not self.over.wait(SAMPLE_SECONDS):
            self.seen.append(self.read())

    def read(self) -> dict[str, float]:
        """Return the metrics by name, those with a label by `name:label`; none of a service that shows none."""
        if not self.target.metrics:
            return {}
        with suppress(OSError), urllib.request.urlopen(self.target.metrics, timeout=2) as answer:  # noqa: S310 - ours
            told = answer.read().decode()
            return {f"{name}:{label}": float(value) for name, label, value in METRIC.findall(told)}
        return {}

    def summarise(self) -> State:
        last, seconds = self.read(), perf_counter() - self.began
        grown = {name: value - self.first.get(name, 0) for name, value in last.items()}
        count = grown.get("event_loop_lag_seconds_count:", 0)
        bounds = sorted((float(name.rpartition(":")[2]), value) for name, value in grown.items() if "_bucket:" in name)
        p99 = next((bound for bound, below in bounds if below >= 0.99 * count), 0.0)
        return State(
            cores=((self.target.read_cpu() or 0) - self.cpu) / seconds,
            memory_mb=self.target.read_memory() or 0,
            pool_in_use=self.find_most("db_pool_connections_in_use:"),
            pool_waiting=self.find_most("db_pool_waiting_requests:"),
            lag_mean_ms=grown.get("event_loop_lag_seconds_sum:", 0) / count * 1000 if count else 0,
            lag_p99_ms=min(p99, 10) * 1000,
        )

    def find_most(self, prefix: str) -> float:
        """Return the highest sum over all pools that was seen."""
        return max((sum(v for name, v in seen.items() if name.startswith(prefix)) for seen in self.seen), default=0)


def run(name: str, scenario: Scenario, target: Target, seconds: float) -> Iterator[Stage]:
    """Yield a stage for each rate, until two in a row are not carried. The rates come from a probe at full speed."""
    writer = requests.Writer(scenario, requests.take(target.url, scenario, target.token), target.token)
    send = partial(load.over_connections, target.url, requests.mix(scenario.steps, writer, target.url), CONNECTIONS)
    (probe,) = load.run(runs.measure_all({ALL: send}, target, PROBE_SECONDS))
    most = len(probe.samples) / probe.seconds
    first: Stage | None = None
    failed = 0
    for share in SHARES:
        rate = float(f"{max(1, most * share):.2g}")
        with Sampler(target) as sampler:
            done = runs.run(name, scenario, target, rate, seconds)
            state = sampler.summarise()
        yield (stage := Stage(rate, done, state))
        first = first or stage
        failed = 0 if is_carried(stage, first) else failed + 1
        if failed == PATIENCE:
            return


def is_carried(stage: Stage, first: Stage) -> bool:
    row = stage.total
    return not row.errors and row.p99 <= max(KNEE_FACTOR * first.total.p99, KNEE_MS)


def finish(name: str, stages: Sequence[Stage]) -> Ramp:
    carried = [stage.rate for stage in stages if is_carried(stage, stages[0])]
    return Ramp(name, max(carried, default=0), stages)
