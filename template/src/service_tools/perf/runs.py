# kit: updated by the template; extend it from app.py
"""One run of a scenario: the service that it measures, a warm-up, the load with what it costs meanwhile, the report."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter, process_time

import click
import psutil

from service.kit import PACKAGE
from service_tools.dev.commands import is_ready
from service_tools.perf import load, report, requests
from service_tools.perf.load import Record, Sample
from service_tools.perf.report import ALL, Report, Row
from service_tools.perf.scenario import Scenario, ScenarioError

STARTING, STOPPING = 20, 15
WARM_UP = 1.0
"""Seconds before a measurement, or as many as that has: connections are opened and statements prepared."""

type Send = Callable[[float, Record], Awaitable[None]]


@dataclass(frozen=True)
class Measured:
    """The samples of a load, its seconds, and the processor time that it took of the service and of ourselves."""

    step: str
    samples: Sequence[Sample]
    seconds: float
    cpu: float | None
    own_cpu: float


@dataclass(frozen=True)
class Target:
    """Where the service answers, its processes if they are ours, and the token to send along if it takes one."""

    url: str
    token: str | None = None
    processes: tuple[psutil.Process, ...] = ()

    def read_cpu(self) -> float | None:
        """Return the processor time that the service has used, in seconds, user and system."""
        try:
            times = [process.cpu_times() for process in self.processes]
        except psutil.NoSuchProcess:
            raise ScenarioError("A process of the service ended under the load; it failed, or was replaced.") from None
        return sum(spent.user + spent.system for spent in times) if times else None

    def read_memory(self) -> float | None:
        """Return the resident memory of the service, in MB."""
        held = [process.memory_info().rss for process in self.processes]
        return sum(held) / 1e6 if held else None


@contextmanager
def start(token: str | None = None) -> Generator[Target]:
    """Run `service serve` on a free port and yield it when it is ready. Raises `ScenarioError`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port), "EDGE_TIMING": "true"}
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-m", PACKAGE, "serve"]
        process = subprocess.Popen(command, env={**os.environ, **own}, stdout=output, stderr=output)  # noqa: S603
        deadline = time.monotonic() + STARTING
        try:
            while not is_ready(url := f"http://127.0.0.1:{port}"):
                if time.monotonic() > deadline or process.poll() is not None:
                    output.seek(0)
                    said = output.read().decode(errors="replace")
                    raise ScenarioError(f"The service did not start:\n{said[-2000:]}")
                time.sleep(0.05)
            parent = psutil.Process(process.pid)
            yield Target(url, token, (parent, *parent.children(recursive=True)))
        finally:
            process.terminate()
            try:
                process.wait(STOPPING)
            except subprocess.TimeoutExpired:
                process.kill()


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
