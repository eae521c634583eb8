# kit: updated by the template; extend it from app.py
"""One run of a scenario: a warm-up, the load with what it costs meanwhile, the report."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

from service_tools.perf import load, report, requests, usage
from service_tools.perf.load import Record, Sample
from service_tools.perf.report import ALL, Report
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import WARM_UP, Target

type Send = Callable[[float, Record], Awaitable[None]]


class Measured(NamedTuple):
    """The samples of a load, its seconds, and the processor time that it took of the service."""

    samples: Sequence[Sample]
    seconds: float
    cpu: float | None


def run(name: str, scenario: Scenario, target: Target, seconds: float, rate: float) -> Report:
    """Send the requests of a scenario at a rate."""
    calls = requests.prepare(target.url, scenario, target.token)
    with usage.watch(target.metrics) as seen:
        measured = load.run(measure(partial(load.at_rate, target.url, calls, rate), target, seconds))
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
        usage=usage.summarise(seen, target.read_memory()),
        exceeded=list(report.find_exceeded(scenario.steps, rows)),
    )


async def measure(send: Send, target: Target, seconds: float, warm_up: float = WARM_UP) -> Measured:
    """Return what is measured of a load, after a warm-up."""
    if warm_up:
        await send(min(warm_up, seconds), lambda _: None)
    samples: list[Sample] = []
    began, before = perf_counter(), target.read_cpu()
    await send(seconds, samples.append)
    after = target.read_cpu()
    spent = None if before is None or after is None else after - before
    return Measured(samples, perf_counter() - began, spent)
