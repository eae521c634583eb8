# kit: updated by the template; extend it from app.py
"""One run of a scenario: a warm-up, the load, the report."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

import click

from service_tools.perf.generator import Record, Sample, run_load, send_at_rate
from service_tools.perf.limits import find_limit
from service_tools.perf.report import (
    Report,
    combine_rows,
    count_statuses,
    find_exceeded,
    find_pool_share,
    find_rank,
    find_tail,
    summarise,
)
from service_tools.perf.requests import prepare_calls
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import WARM_UP, Target
from service_tools.perf.usage import Metrics, Usage, summarise_usage, watch_usage

type Send = Callable[[float, Record], Awaitable[None]]
"""Sends requests for some seconds, and records a sample of each."""


class Measured(NamedTuple):
    """The samples of a load, how long it took, and the CPU and other usage of the service."""

    samples: Sequence[Sample]
    seconds: float
    cpu: float | None
    usage: Usage


def run_scenario(
    name: str, scenario: Scenario, target: Target, seconds: float, rate: float
) -> Report:
    """Send the requests of a scenario at a rate. Shows its progress at a terminal."""
    progress = click.progressbar(
        prepare_calls(scenario, target),
        length=round(rate * (WARM_UP + seconds)),
        label=f"{name} at {rate:,g} a second",
        file=sys.stderr,
        update_min_steps=max(1, round(rate / 2)),
    )
    with progress as calls:
        send = partial(send_at_rate, target.url, iter(calls), rate)
        measured = run_load(measure(send, target, seconds))

    samples = measured.samples
    rows = []
    exceeded: list[str] = []
    for step in scenario.steps:
        own = [sample for sample in samples if sample.step == step.name]
        # The CPU of a request is known only of all steps together.
        row = summarise(step.name, own, measured.seconds, None)
        rows.append(row)
        exceeded += find_exceeded(step, row, own)
    total = combine_rows(rows, samples, measured.seconds, measured.cpu)
    late = sorted(sample.late * 1000 for sample in samples)
    tail_ms = find_tail(samples)
    limit, reason = find_limit(measured.usage, find_pool_share(samples), tail_ms)
    return Report(
        scenario=name,
        load=f"{rate:,g} requests a second for {seconds:g} s, evenly spaced",
        rate=rate,
        rows=[*rows, total],
        late_ms=find_rank(late, 0.99),
        usage=measured.usage,
        exceeded=exceeded,
        tail_ms=tail_ms,
        limit=limit,
        reason=reason,
        statuses=count_statuses(samples),
    )


async def measure(send: Send, target: Target, seconds: float) -> Measured:
    """Return what is measured of a load, after a warm-up."""
    await send(min(WARM_UP, seconds), lambda _: None)
    samples: list[Sample] = []
    seen: list[Metrics] = []
    round_trips: list[float] = []
    async with watch_usage(target, seen, round_trips):
        began = perf_counter()
        cpu_before = target.read_cpu()
        await send(seconds, samples.append)
        cpu = target.read_cpu() - cpu_before
        elapsed = perf_counter() - began
    return Measured(
        samples=samples,
        seconds=elapsed,
        cpu=cpu if target.processes else None,
        usage=summarise_usage(seen, target.read_memory(), elapsed, round_trips),
    )
