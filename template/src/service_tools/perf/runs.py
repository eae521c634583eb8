# kit: updated by the template; extend it from app.py
"""One run of a scenario: a warm-up, the load with what it costs meanwhile, the report."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter, process_time

import click

from service_tools.perf import load, report, requests
from service_tools.perf.load import Record, Sample
from service_tools.perf.report import ALL, Report, Row
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
    name: str, scenario: Scenario, target: Target, rate: float, seconds: float, connections: int | None = None
) -> Report:
    """Send all steps together at a rate, or each one alone at full speed over some connections."""
    steps, url = scenario.steps, target.url
    writer = requests.Writer(scenario, requests.take(url, scenario, target.token), target.token)
    expected = {step.name: step.expect for step in steps}
    if connections:
        described = f"each step for {seconds:g} s, at full speed over {connections} connections"
        mixes = {step.name: requests.mix([step], writer, url) for step in steps}
        loads = {step: partial(load.over_connections, url, mix, connections) for step, mix in mixes.items()}
    else:
        described = f"{rate:g} requests a second for {seconds:g} s, evenly spaced"
        loads = {ALL: partial(load.at_rate, url, requests.mix(steps, writer, url), rate)}
    parts = load.run(measure_all(loads, target, seconds))
    rows = [report.summarise(part.step, expected, part.samples, part.seconds, part.cpu) for part in parts]
    if not connections:  # the processor time of a request is known only of all steps together
        rows = [*summarise_steps(parts[0], expected), *rows]
    samples = [sample for part in parts for sample in part.samples]
    return Report(
        scenario=name,
        load=described,
        rows=rows,
        paced=not connections,
        late_ms=0 if connections else report.rank(sorted(sample.late * 1000 for sample in samples), 0.99),
        own_cpu_us=sum(part.own_cpu for part in parts) / len(samples) * 1e6,
        memory_mb=target.read_memory(),
        exceeded=list(report.find_exceeded(steps, rows, paced=not connections)),
    )


def summarise_steps(mixed: Measured, expected: Mapping[str, int]) -> Iterator[Row]:
    for step in expected:
        samples = [sample for sample in mixed.samples if sample.step == step]
        yield report.summarise(step, expected, samples, mixed.seconds, None)


async def measure_all(loads: Mapping[str, Send], target: Target, seconds: float) -> list[Measured]:
    return [await measure(step, send, target, seconds) for step, send in loads.items()]


async def measure(step: str, send: Send, target: Target, seconds: float) -> Measured:
    """Return what is measured of a load, after a warm-up."""
    await send(min(WARM_UP, seconds), lambda _: None)
    return await take_samples(step, send, target, seconds)


async def take_samples(step: str, send: Send, target: Target, seconds: float) -> Measured:
    """Return what is measured of a load."""
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
    while sys.stderr.isatty():
        elapsed = min(perf_counter() - began, seconds)
        click.echo(f"\r{step}: {elapsed:.0f} of {seconds:g} s, {len(samples):,} answers\033[K\r", nl=False, err=True)
        await asyncio.sleep(0.5)
