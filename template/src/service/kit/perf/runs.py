# kit: updated by the template; extend it from app.py
"""One run of a scenario: requests before it, a warm-up, the load with what it costs meanwhile, and the report."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import click

from service.kit.perf import calls, load, report
from service.kit.perf.client import Record, Sample
from service.kit.perf.report import ALL, Report, Row
from service.kit.perf.scenario import Scenario, Step
from service.kit.perf.target import Target

WARM_UP = 1.0
"""Seconds before a measurement, or as many as that has: connections are opened and statements prepared."""


@dataclass(frozen=True)
class Plan:
    """What load to make: so many requests a second of the mix, or of each step in turn what `connections` can do."""

    rate: float
    seconds: float
    connections: int | None = None


type Start = Callable[[float, Record], Awaitable[None]]


def run(name: str, scenario: Scenario, target: Target, plan: Plan) -> Report:
    """Return the report of one run. Raises `ScenarioError`."""
    writer = calls.Writer(scenario, calls.take(target.url, scenario))
    if plan.connections is None:
        rows, late = load.run(run_mix(name, scenario, target, plan, writer))
        described = f"{plan.rate:g} requests a second for {plan.seconds:g} s, at even intervals"
    else:
        rows, late = load.run(run_steps(name, scenario, target, plan, writer))
        described = f"each step for {plan.seconds:g} s, as fast as {plan.connections} connections can"
    paced = plan.connections is None
    exceeded = report.find_exceeded(scenario.steps, rows, paced)
    return Report(name, described, plan.seconds, rows, paced, late, target.read_memory(), list(exceeded))


async def run_mix(
    name: str, scenario: Scenario, target: Target, plan: Plan, writer: calls.Writer
) -> tuple[list[Row], float]:
    """Send the mix at a rate. The cost of a request is known only of all together."""
    mixed = calls.mix(scenario.steps, writer, target.host)

    async def start(seconds: float, record: Record) -> None:
        await load.at_rate(target.address, mixed, plan.rate, seconds, record)

    samples, cpu = await measure(name, target, plan, start)
    expected = {step.name: step.expect for step in scenario.steps}
    by_step: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_step[sample.step].append(sample)
    rows = [report.summarise(step.name, expected, by_step[step.name], plan.seconds, None) for step in scenario.steps]
    rows.append(report.summarise(ALL, expected, samples, plan.seconds, cpu))
    return rows, report.rank(sorted(sample.late * 1000 for sample in samples), 0.99)


async def run_steps(
    name: str, scenario: Scenario, target: Target, plan: Plan, writer: calls.Writer
) -> tuple[list[Row], float]:
    """Send each step alone, as fast as it goes."""
    rows = [await run_step(f"{name}, {step.name}", step, target, plan, writer) for step in scenario.steps]
    return rows, 0.0


async def run_step(title: str, step: Step, target: Target, plan: Plan, writer: calls.Writer) -> Row:
    """Send one step as fast as it goes."""
    made = calls.mix([step], writer, target.host)

    async def start(seconds: float, record: Record) -> None:
        await load.through_connections(target.address, made, plan.connections or 1, seconds, record)

    samples, cpu = await measure(title, target, plan, start)
    return report.summarise(step.name, {step.name: step.expect}, samples, plan.seconds, cpu)


async def measure(title: str, target: Target, plan: Plan, start: Start) -> tuple[Sequence[Sample], float | None]:
    """Return the samples of a load, after a warm-up, and the seconds of processor time that it took."""
    await start(min(WARM_UP, plan.seconds), lambda _: None)
    samples: list[Sample] = []
    before = target.read_cpu()
    progress = asyncio.create_task(show_progress(title, plan.seconds, samples))
    await start(plan.seconds, samples.append)
    progress.cancel()
    after = target.read_cpu()
    return samples, None if before is None or after is None else after - before


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
