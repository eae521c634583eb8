# kit: updated by the template; extend it from app.py
"""One run of a scenario: a warm-up, the load, the report."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count
from time import perf_counter
from typing import NamedTuple

import click

from service_tools.perf import load, report, usage
from service_tools.perf.load import Record, Sample
from service_tools.perf.report import ALL_STEPS, Report
from service_tools.perf.requests import prepare_calls
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import WARM_UP, Target

type Send = Callable[[float, Record], Awaitable[None]]
"""Sends requests for some seconds, and records a sample of each."""


class Measured(NamedTuple):
    """The samples of a load, its seconds, and the seconds of CPU that it took of the service."""

    samples: Sequence[Sample]
    seconds: float
    cpu: float | None


def run_scenario(
    name: str, scenario: Scenario, target: Target, seconds: float, rate: float
) -> Report:
    """Send the requests of a scenario at a rate."""
    calls = prepare_calls(scenario, target)
    send = partial(load.send_at_rate, target.url, calls, rate)
    with usage.watch_metrics(target.metrics) as seen:
        measured = load.run_load(measure(f"{name} at {rate:,g} a second", send, target, seconds))

    samples = measured.samples
    expected = {step.name: step.expect for step in scenario.steps}
    rows = []
    for step in expected:
        own = [sample for sample in samples if sample.step == step]
        # The CPU of a request is known only of all steps together.
        rows.append(report.summarise(step, expected, own, measured.seconds, None))
    exceeded = [*report.find_exceeded(scenario.steps, rows)]
    rows.append(report.summarise(ALL_STEPS, expected, samples, measured.seconds, measured.cpu))

    late = sorted(sample.late * 1000 for sample in samples)
    return Report(
        scenario=name,
        load=f"{rate:,g} requests a second for {seconds:g} s, evenly spaced",
        rate=rate,
        rows=rows,
        late_ms=report.find_rank(late, 0.99),
        usage=usage.summarise_usage(seen, target.read_memory()),
        exceeded=exceeded,
    )


async def measure(title: str, send: Send, target: Target, seconds: float) -> Measured:
    """Return what is measured of a load, after a warm-up."""
    await send(min(WARM_UP, seconds), lambda _: None)
    samples: list[Sample] = []
    progress = asyncio.ensure_future(show_progress(title, seconds, samples))
    began = perf_counter()
    cpu_before = target.read_cpu()
    await send(seconds, samples.append)
    cpu = target.read_cpu() - cpu_before
    progress.cancel()
    return Measured(samples, perf_counter() - began, cpu if target.processes else None)


async def show_progress(title: str, seconds: float, samples: Sequence[Sample]) -> None:
    """Show at a terminal how far a load is, in a line that goes away at the end."""
    if not sys.stderr.isatty():
        return
    try:
        for second in count():
            progress = f"{second} of {seconds:g} s, {len(samples):,} answers"
            click.echo(f"{title}: {progress}\033[K\r", nl=False, err=True)
            await asyncio.sleep(1)
    finally:
        click.echo("\033[K", nl=False, err=True)
