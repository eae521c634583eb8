# kit: updated by the template; extend it from app.py
"""One run of a scenario: a warm-up, the load with what it costs meanwhile, the report."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter, process_time

import click

from service_tools.perf import load, report, requests, usage
from service_tools.perf.load import Record, Sample
from service_tools.perf.report import ALL, Report
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import WARM_UP, Target

type Send = Callable[[float, Record], Awaitable[None]]


@dataclass(frozen=True)
class Measured:
    """The samples of a load, its seconds, and the processor time that it took of the service and of ourselves."""

    step: str
    samples: Sequence[Sample]
    seconds: float
    cpu: float | None
    own_cpu: float


def run(
    name: str, scenario: Scenario, target: Target, seconds: float, rate: float | None = None, connections: int = 1
) -> Report:
    """Send all steps together at a rate, or else each one alone at full speed over some connections."""
    steps, url, mix = scenario.steps, target.url, requests.prepare(target.url, scenario, target.token)
    loads: dict[str, Send]
    if rate:
        described = f"{rate:,g} requests a second for {seconds:g} s, evenly spaced"
        loads = {ALL: partial(load.at_rate, url, mix(steps), rate)}
    else:
        described = f"each step for {seconds:g} s, at full speed over {connections} connections"
        loads = {step.name: partial(load.over_connections, url, mix([step]), connections) for step in steps}
    with usage.watch(target.metrics) as seen:
        parts = [load.run(measure(step, send, target, seconds)) for step, send in loads.items()]
    samples = [sample for part in parts for sample in part.samples]
    expected = {step.name: step.expect for step in steps}
    rows = [report.summarise(part.step, expected, part.samples, part.seconds, part.cpu) for part in parts]
    if rate:  # the processor time of a request is known only of all steps together
        alone = {step: [sample for sample in samples if sample.step == step] for step in expected}
        rows[:0] = [report.summarise(step, expected, them, parts[0].seconds, None) for step, them in alone.items()]
    return Report(
        scenario=name,
        load=described,
        rate=rate,
        rows=rows,
        late_ms=report.rank(sorted(sample.late * 1000 for sample in samples), 0.99) if rate else 0,
        own_cpu_us=sum(part.own_cpu for part in parts) / len(samples) * 1e6,
        usage=usage.summarise(seen, target.read_memory()),
        exceeded=list(report.find_exceeded(steps, rows, paced=bool(rate))),
    )


async def measure(step: str, send: Send, target: Target, seconds: float, warm_up: float = WARM_UP) -> Measured:
    """Return what is measured of a load, after a warm-up."""
    if warm_up:
        await send(min(warm_up, seconds), lambda _: None)
    samples: list[Sample] = []
    began, own, before = perf_counter(), process_time(), target.read_cpu()
    progress = asyncio.ensure_future(show_progress(step, seconds, samples))
    await send(seconds, samples.append)
    progress.cancel()
    after = target.read_cpu()
    spent = None if before is None or after is None else after - before
    return Measured(step, samples, perf_counter() - began, spent, process_time() - own)


async def show_progress(step: str, seconds: float, samples: Sequence[Sample]) -> None:
    """Tell a person at a terminal how far it is, twice a second, in one line."""
    began = perf_counter()
    while step and sys.stderr.isatty():
        elapsed = min(perf_counter() - began, seconds)
        click.echo(f"\r{step}: {elapsed:.0f} of {seconds:g} s, {len(samples):,} answers\033[K\r", nl=False, err=True)
        await asyncio.sleep(0.5)
