# kit: updated by the template; extend it from app.py
"""One run of a scenario: requests before it, a warm-up, the load with what it costs meanwhile, and the report."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter, process_time

import click

from service_tools.perf import calls, load, report
from service_tools.perf.client import Record, Sample
from service_tools.perf.report import ALL, Report, Row
from service_tools.perf.scenario import Scenario, Step
from service_tools.perf.target import Target

WARM_UP = 1.0
"""Seconds before a measurement, or as many as that has: connections are opened and statements prepared."""


@dataclass(frozen=True)
class Plan:
    """What load to make: so many requests a second of the mix, or of each step in turn what `connections` can do."""

    rate: float
    seconds: float
    connections: int | None = None


type Start = Callable[[float, Record], Awaitable[None]]
type Outcome = tuple[list[Row], list[Measured]]


@dataclass(frozen=True)
class Measured:
    """The samples of a load, its seconds, and the processor time that it took of the service and of ourselves."""

    samples: Sequence[Sample]
    seconds: float
    cpu: float | None
    own_cpu: float

    def summarise(self, step: str, expected: Mapping[str, int]) -> Row:
        """Return the row of all samples."""
        return report.summarise(step, expected, self.samples, self.seconds, self.cpu)


def run(name: str, scenario: Scenario, target: Target, plan: Plan) -> Report:
    """Return the report of one run. Raises `ScenarioError`."""
    writer = calls.Writer(scenario, calls.take(target.url, scenario, target.token), target.token)
    paced = plan.connections is None
    send = send_mix if paced else send_each
    rows, measured = load.run(send(name, scenario.steps, target, plan, writer))
    samples = [sample for part in measured for sample in part.samples]
    return Report(
        scenario=name,
        load=describe(plan),
        rows=rows,
        paced=paced,
        late_ms=report.rank(sorted(sample.late * 1000 for sample in samples), 0.99) if paced else 0,
        own_cpu_us=sum(part.own_cpu for part in measured) / len(samples) * 1e6,
        memory_mb=target.read_memory(),
        exceeded=list(report.find_exceeded(scenario.steps, rows, paced)),
    )


def describe(plan: Plan) -> str:
    """Return what load a plan makes."""
    if plan.connections is None:
        return f"{plan.rate:g} requests a second for {plan.seconds:g} s, at even intervals"
    return f"each step for {plan.seconds:g} s, as fast as {plan.connections} connections can"


async def send_mix(name: str, steps: Sequence[Step], target: Target, plan: Plan, writer: calls.Writer) -> Outcome:
    """Send all steps at a rate. The cost of a request is known only of all together."""
    mixed = calls.mix(steps, writer, target.host)
    measured = await measure(name, target, plan, partial(load.at_rate, target.address, mixed, plan.rate))
    expected = {step.name: step.expect for step in steps}
    by_step: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in measured.samples:
        by_step[sample.step].append(sample)
    parts = {step.name: replace(measured, samples=by_step[step.name], cpu=None) for step in steps}
    return [part.summarise(step, expected) for step, part in {**parts, ALL: measured}.items()], [measured]


async def send_each(name: str, steps: Sequence[Step], target: Target, plan: Plan, writer: calls.Writer) -> Outcome:
    """Send each step alone, as fast as it goes."""
    rows, parts = [], []
    for step in steps:
        made = calls.mix([step], writer, target.host)
        start = partial(load.through_connections, target.address, made, plan.connections or 1)
        parts.append(await measure(f"{name}, {step.name}", target, plan, start))
        rows.append(parts[-1].summarise(step.name, {step.name: step.expect}))
    return rows, parts


async def measure(title: str, target: Target, plan: Plan, start: Start) -> Measured:
    """Return what is measured of a load, after a warm-up."""
    await start(min(WARM_UP, plan.seconds), lambda _: None)
    samples: list[Sample] = []
    began, own, before = perf_counter(), process_time(), target.read_cpu()
    progress = asyncio.create_task(show_progress(title, plan.seconds, samples))
    await start(plan.seconds, samples.append)
    progress.cancel()
    after = target.read_cpu()
    spent = None if before is None or after is None else after - before
    return Measured(samples, perf_counter() - began, spent, process_time() - own)


async def show_progress(title: str, seconds: float, samples: Sequence[Sample]) -> None:
    """Tell a person at a terminal how far it is, each half second, in one line."""
    if not sys.stderr.isatty():
        return
    began = perf_counter()
    try:
        while True:
            elapsed = min(perf_counter() - began, seconds)
            click.echo(f"\r{title}: {elapsed:.0f} of {seconds:g} s, {len(samples):,} answers ", nl=False, err=True)
            await asyncio.sleep(0.5)
    finally:
        click.echo("\r\033[K", nl=False, err=True)
