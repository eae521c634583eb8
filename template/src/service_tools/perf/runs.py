# kit: updated by the template; extend it from app.py
"""One run of a scenario: a warm-up, the load with what the service used meanwhile, the report."""

import asyncio
import sys
import threading
import urllib.request
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import perf_counter
from typing import NamedTuple

import click
from prometheus_client.parser import text_string_to_metric_families

from service_tools.perf import load, report, requests
from service_tools.perf.load import Record, Sample
from service_tools.perf.report import ALL, Report, Usage
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import WARM_UP, Target

SAMPLE_SECONDS = 0.5
METRICS = ("db_pool_connections_in_use", "db_pool_waiting_requests", "event_loop_lag_seconds")

type Metrics = Mapping[str, float]
type Send = Callable[[float, Record], Awaitable[None]]


class Measured(NamedTuple):
    """The samples of a load, its seconds, and the processor time that it took of the service."""

    samples: Sequence[Sample]
    seconds: float
    cpu: float | None


def run(name: str, scenario: Scenario, target: Target, seconds: float, rate: float) -> Report:
    """Send the requests of a scenario at a rate."""
    calls = requests.prepare(target.url, scenario, target.token)
    send = partial(load.at_rate, target.url, calls, rate)
    with watch(target.metrics) as seen:
        measured = load.run(measure(f"{name} at {rate:,g} a second", send, target, seconds))
    samples, expected = measured.samples, {step.name: step.expect for step in scenario.steps}
    # The processor time of a request is known only of all steps together.
    parts = [(step, [it for it in samples if it.step == step], None) for step in expected]
    rows = [
        report.summarise(step, expected, them, measured.seconds, cpu)
        for step, them, cpu in [*parts, (ALL, samples, measured.cpu)]
    ]
    return Report(
        scenario=name,
        load=f"{rate:,g} requests a second for {seconds:g} s, evenly spaced",
        rate=rate,
        rows=rows,
        late_ms=report.rank(sorted(sample.late * 1000 for sample in samples), 0.99),
        usage=tell_usage(seen, target.read_memory()),
        exceeded=list(report.find_exceeded(scenario.steps, rows)),
    )


async def measure(
    title: str, send: Send, target: Target, seconds: float, warm_up: float = WARM_UP
) -> Measured:
    """Return what is measured of a load, after a warm-up. Shows its progress if it has a title."""
    if warm_up:
        await send(min(warm_up, seconds), lambda _: None)
    samples: list[Sample] = []
    began, before = perf_counter(), target.read_cpu()
    progress = asyncio.ensure_future(show_progress(title, seconds, samples))
    await send(seconds, samples.append)
    progress.cancel()
    after = target.read_cpu()
    spent = None if before is None or after is None else after - before
    return Measured(samples, perf_counter() - began, spent)


async def show_progress(title: str, seconds: float, samples: Sequence[Sample]) -> None:
    """Tell a person at a terminal how far it is, twice a second, in one line that goes away in the
    end.
    """
    began = perf_counter()
    try:
        while title and sys.stderr.isatty():
            elapsed = min(perf_counter() - began, seconds)
            click.echo(
                f"{title}: {elapsed:.0f} of {seconds:g} s, {len(samples):,} answers\033[K\r",
                nl=False,
                err=True,
            )
            await asyncio.sleep(0.5)
    except asyncio.CancelledError:
        click.echo("\033[K", nl=False, err=True)
        raise


@contextmanager
def watch(url: str) -> Generator[list[Metrics]]:
    """Yield a list that gathers the metrics at a URL while the block runs."""
    seen, over = [read_metrics(url)], threading.Event()

    def repeat() -> None:
        while not over.wait(SAMPLE_SECONDS):
            seen.append(read_metrics(url))
        seen.append(read_metrics(url))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def read_metrics(url: str) -> Metrics:
    """Return the metrics by name, those with a label by `name:label`; none of a service that shows
    none.
    """
    if url:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - ours
            families = [
                it
                for it in text_string_to_metric_families(answer.read().decode())
                if it.name in METRICS
            ]
            found = [
                (it, it.labels.get("le") or it.labels.get("pool", ""))
                for each in families
                for it in each.samples
            ]
            return {f"{it.name}:{label}": it.value for it, label in found}
    return {}


def tell_usage(seen: Sequence[Metrics], memory_mb: float | None) -> Usage:
    grown = {name: value - seen[0].get(name, 0) for name, value in seen[-1].items()}
    count = grown.get("event_loop_lag_seconds_count:", 0)
    bounds = sorted(
        (float(name.rpartition(":")[2]), value)
        for name, value in grown.items()
        if "_bucket:" in name
    )
    p99 = next((bound for bound, below in bounds if below >= 0.99 * count), 0.0)
    in_use, waiting = (
        find_most(seen, name)
        for name in ("db_pool_connections_in_use:", "db_pool_waiting_requests:")
    )
    return Usage(memory_mb, in_use, waiting, min(p99, 10) * 1000)


def find_most(seen: Sequence[Metrics], prefix: str) -> float:
    """Return the highest sum over all pools that was seen."""
    return max(sum(value for name, value in it.items() if name.startswith(prefix)) for it in seen)
