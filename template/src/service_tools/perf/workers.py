# kit: updated by the template; extend it from app.py
"""The workers that a command observes, and the load on them."""

import json
import socket
import statistics
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from service.kit.commands.definition import ServiceDefinition
from service.kit.server.runtime_folder import (
    CONSOLE_SOCKET,
    HEARTBEAT_FILE,
    RUNTIME_FOLDER_VARIABLE,
)
from service.kit.work.command_error import CommandError
from service_tools.perf.generator import Call, Sample, run_load, send_at_rate
from service_tools.perf.requests import prepare_calls
from service_tools.perf.scenario import find_scenarios
from service_tools.perf.target import WARM_UP, provide_target, read_cpu

CONSOLE_TIMEOUT = 120
"""Seconds: a snapshot of memory takes several."""

DAY = 86_400


@dataclass(frozen=True)
class WorkerProcess:
    """A worker, and the folder of its heartbeat and its console."""

    process: psutil.Process
    folder: Path

    def ask(self, question: str) -> Any:
        """Return the answer of its console. Raises `CommandError`."""
        name = f"Worker {self.process.pid}"
        path = self.folder / CONSOLE_SOCKET.format(pid=self.process.pid)
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(CONSOLE_TIMEOUT)
                client.connect(str(path))
                client.sendall(f"{question}\n".encode())
                answer = json.loads(client.makefile("rb").read())
        except (FileNotFoundError, ConnectionRefusedError):
            raise CommandError(
                f"{name} has no console: start it with WATCHDOG_CONSOLE=true; `service dev` does."
            ) from None
        except (OSError, ValueError) as error:
            raise CommandError(f"{name} does not answer: {error}. Try again.") from None
        if isinstance(answer, dict) and "error" in answer:
            raise CommandError(f"{name} answered: {answer['error']}.")
        return answer


def find_workers(pid: int) -> list[WorkerProcess]:
    """Return the workers of a running service.

    `pid` is its main process, a worker, or what started it. Raises `CommandError`.
    """
    try:
        named = psutil.Process(pid)
        family = [named, *named.children(recursive=True)]
        workers = [*filter(None, map(identify_worker, family))]
    except psutil.NoSuchProcess:
        raise CommandError(
            f"There is no process {pid}. `pgrep -f 'service (serve|dev)'` lists services."
        ) from None
    except psutil.AccessDenied:
        raise CommandError(
            f"Process {pid} belongs to another user: run this command as that user."
        ) from None
    if not workers:
        raise CommandError(
            f"Process {pid} is not a service, and started none: "
            "name that of `service serve` or `service dev`."
        )
    return workers


def identify_worker(process: psutil.Process) -> WorkerProcess | None:
    """Return a process as a worker, if it has the heartbeat of one."""
    folder = Path(process.environ().get(RUNTIME_FOLDER_VARIABLE, "/nowhere"))
    heartbeat = folder / HEARTBEAT_FILE.format(pid=process.pid)
    return WorkerProcess(process, folder) if heartbeat.exists() else None


@dataclass
class Observed:
    """Workers and the load on them. `samples` has the answers, if the load is ours."""

    workers: Sequence[WorkerProcess]
    load: str = "whatever load it has"
    sending: Future[Any] | None = None
    samples: list[Sample] = field(default_factory=list)
    notes: list[tuple[int, float]] = field(default_factory=list)
    """How many samples there were, and the seconds of CPU that the workers had used."""

    def note(self, seconds: float = 0) -> None:
        """Note the cost until now, after `seconds` of a load of our own."""
        if self.sending:
            time.sleep(seconds)
            if self.sending.done():
                raise CommandError(f"The load has ended: {self.sending.exception()}.")
        used = sum(read_cpu(worker.process) for worker in self.workers)
        self.notes.append((len(self.samples), used))

    def compare_costs(self) -> str:
        """Return a sentence that compares requests before the instrument with those since."""
        if not self.sending:
            return (
                "The load was not ours, so what the instrument cost is not known; docs/measure.md "
                "has its figures."
            )
        self.note()
        plain, observed = map(self.describe_cost, self.notes, self.notes[1:])
        return f"Overhead: with the instrument a request took {observed}; before it, {plain}."

    def describe_cost(self, begin: tuple[int, float], end: tuple[int, float]) -> str:
        samples = self.samples[begin[0] : end[0]]
        if not samples:
            return "nothing, as there was none"
        p50 = statistics.median(sample.seconds for sample in samples) * 1000
        cpu_us = (end[1] - begin[1]) / len(samples) * 1e6
        return f"{p50:.1f} ms (p50) and {cpu_us:,.0f} µs of CPU"


@contextmanager
def observe_workers(
    definition: ServiceDefinition,
    *,
    names: Sequence[str],
    pid: int | None,
    rate: float,
    rows: int | None,
    **settings: str,
) -> Generator[Observed]:
    """Yield the running service of a process, or one that is started here and put under load."""
    if pid:
        yield Observed(find_workers(pid))
        return
    scenarios = find_scenarios(names)
    over = threading.Event()
    with (
        provide_target(definition, rows=rows, WATCHDOG_CONSOLE="true", **settings) as target,
        ThreadPoolExecutor(1) as thread,
    ):
        load = f"{rate:g} requests a second of {', '.join(scenarios)}"
        observed = Observed(find_workers(target.processes[0].pid), load)
        mixes = [prepare_calls(scenario, target) for scenario in scenarios.values()]
        calls = alternate_calls(mixes, over)
        work = send_at_rate(target.url, calls, rate, DAY, observed.samples.append)
        observed.sending = thread.submit(run_load, work)
        try:
            time.sleep(WARM_UP)
            yield observed
        finally:
            over.set()


def alternate_calls(mixes: Sequence[Iterator[Call]], over: threading.Event) -> Iterator[Call]:
    """Yield a request of each scenario in turn, until `over` is set."""
    for calls in zip(*mixes, strict=True):
        if over.is_set():
            return
        yield from calls
