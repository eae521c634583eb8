# kit: updated by the template; extend it from app.py
"""The workers that a command observes, and the load on them."""

import json
import re
import socket
import statistics
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
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

MAX_QUEUE_SECONDS = 60
"""Seconds to wait for requests whose client has gone: an overloaded service still has them."""

OBSERVED = {"WATCHDOG_CONSOLE": "true", "EDGE_TIMING": "false"}
"""Settings of a service that is observed. Nobody reads `Server-Timing`, which takes CPU time."""


@dataclass(frozen=True)
class WorkerProcess:
    """A worker, and the socket of its console, if it has one."""

    process: psutil.Process
    console: Path

    def ask(self, question: str) -> Any:
        """Return the answer of its console. Raises `CommandError`."""
        name = f"Worker {self.process.pid}"
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(CONSOLE_TIMEOUT)
                client.connect(str(self.console))
                client.sendall(f"{question}\n".encode())
                answer = json.loads(client.makefile("rb").read())
        except (FileNotFoundError, ConnectionRefusedError):
            if not self.process.is_running():
                raise self.explain_end() from None
            raise CommandError(
                f"{name} has no console: start it with WATCHDOG_CONSOLE=true; `service dev` does."
            ) from None
        except (OSError, ValueError) as error:
            raise CommandError(f"{name} does not answer: {error}. Try again.") from None
        if isinstance(answer, dict) and "error" in answer:
            raise CommandError(f"{name} answered: {answer['error']}.")
        return answer

    def read_cpu(self) -> float:
        """Return the seconds of CPU that it has used. Raises `CommandError`."""
        try:
            return read_cpu(self.process)
        except (OSError, psutil.NoSuchProcess):
            raise self.explain_end() from None

    def explain_end(self) -> CommandError:
        return CommandError(
            f"Worker {self.process.pid} has ended, or was replaced: its log says why. "
            "Run this command again."
        )


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
    """Return a process as a worker, if it has the heartbeat of one.

    In a container, it has another root, and may have another number.
    """
    pid = str(process.pid)
    try:
        folder = Path(process.environ().get(RUNTIME_FOLDER_VARIABLE, "/nowhere"))
        if sys.platform == "linux":
            folder = Path(f"/proc/{pid}/root{folder}")
            status = Path(f"/proc/{pid}/status").read_text()
            pid = re.findall(r"^NSpid:.*\b(\d+)$", status, re.MULTILINE)[0]
    except (psutil.NoSuchProcess, FileNotFoundError):  # it has just ended
        return None
    if not (folder / HEARTBEAT_FILE.format(pid=pid)).exists():
        return None
    return WorkerProcess(process, folder / CONSOLE_SOCKET.format(pid=pid))


@dataclass
class Observed:
    """Workers and the load on them. `samples` has the answers, if the load is ours."""

    workers: Sequence[WorkerProcess]
    load: str = "whatever load it has"
    sending: Future[Any] | None = None
    samples: list[Sample] = field(default_factory=list)
    notes: list[tuple[int, float]] = field(default_factory=list)
    """How many samples there were, and the seconds of CPU that the workers had used."""
    over: threading.Event = field(default_factory=threading.Event)

    def end_load(self) -> None:
        """Send no more, and wait until no request is under way, if the load is ours."""
        self.over.set()
        if self.sending:
            self.sending.result()
        deadline = time.monotonic() + MAX_QUEUE_SECONDS
        while self.sending and time.monotonic() < deadline:
            if not any("/" in task["request"] for task in self.ask_all("tasks")):
                return
            time.sleep(0.1)

    def describe_workers(self) -> str:
        numbers = ", ".join(str(worker.process.pid) for worker in self.workers)
        return f"worker{'s' if len(self.workers) > 1 else ''} {numbers}"

    def ask_all(self, question: str) -> Iterator[Any]:
        """Yield all that the workers answer, which are asked at the same time."""
        with ThreadPoolExecutor(len(self.workers)) as threads:
            answers = threads.map(lambda worker: worker.ask(question), self.workers)
            yield from chain.from_iterable(answers)

    def note(self, seconds: float = 0) -> None:
        """Note the cost until now, after `seconds` of a load of our own."""
        if self.sending:
            time.sleep(seconds)
            if self.sending.done():
                raise CommandError(f"The load has ended: {self.sending.exception()}.")
        used = sum(worker.read_cpu() for worker in self.workers)
        self.notes.append((len(self.samples), used))

    def compare_costs(self) -> str:
        """Return a sentence that compares requests before the instrument with those since."""
        if not self.sending:
            return (
                "The load was not ours, so what the instrument cost is not known; the template's "
                "docs/measure.md has its figures."
            )
        self.note()
        plain, observed = map(self.describe_cost, self.notes, self.notes[1:])
        if not (plain and observed):
            return "Overhead: not known, as no request came meanwhile."
        return f"Overhead: with the instrument a request took {observed}; before it, {plain}."

    def describe_cost(self, begin: tuple[int, float], end: tuple[int, float]) -> str:
        first, cpu_before = begin
        last, cpu_after = end
        samples = self.samples[first:last]
        if not samples:
            return ""
        p50 = statistics.median(sample.seconds for sample in samples) * 1000
        cpu_us = (cpu_after - cpu_before) / len(samples) * 1e6
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
    with (
        provide_target(definition, rows=rows, **OBSERVED, **settings) as target,
        ThreadPoolExecutor(1) as thread,
    ):
        load = f"{rate:g} requests a second of {', '.join(scenarios)}"
        observed = Observed(find_workers(target.processes[0].pid), load)
        mixes = [prepare_calls(scenario, target) for scenario in scenarios.values()]
        calls = alternate_calls(mixes, observed.over)
        work = send_at_rate(target.url, calls, rate, DAY, observed.samples.append)
        observed.sending = thread.submit(run_load, work)
        try:
            time.sleep(WARM_UP)
            yield observed
        finally:
            observed.over.set()


def alternate_calls(mixes: Sequence[Iterator[Call]], over: threading.Event) -> Iterator[Call]:
    """Yield a request of each scenario in turn, until `over` is set."""
    for calls in zip(*mixes, strict=True):
        if over.is_set():
            return
        yield from calls
