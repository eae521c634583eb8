# kit: updated by the template; extend it from app.py
"""A service whose workers are looked at: one that runs, or one that is started here and put under
load.
"""

import json
import socket
import statistics
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, takewhile
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
from service_tools.perf import load, requests, scenario, target
from service_tools.perf.load import Sample

ANSWERING = 120
"""Seconds that a console may take: a snapshot of memory takes some."""

DAY = 86_400


@dataclass(frozen=True)
class Worker:
    """A worker process, and the folder in which it leaves its heartbeat and its console."""

    process: psutil.Process
    folder: Path

    def ask(self, question: str) -> Any:
        """Return the answer of its console. Raises `CommandError` where that is off."""
        path = self.folder / CONSOLE_SOCKET.format(pid=self.process.pid)
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(ANSWERING)
                client.connect(str(path))
                client.sendall(f"{question}\n".encode())
                answer = json.loads(client.makefile("rb").read())
        except (FileNotFoundError, ConnectionRefusedError):
            advice = "start it with WATCHDOG_CONSOLE=true; `service dev` does"
            raise CommandError(f"Worker {self.process.pid} has no console: {advice}.") from None
        except (OSError, ValueError) as error:
            raise CommandError(
                f"Worker {self.process.pid} does not answer: {error}. Try again."
            ) from None
        if isinstance(answer, dict) and "error" in answer:
            raise CommandError(f"Worker {self.process.pid} answered: {answer['error']}.")
        return answer


def find_workers(pid: int) -> list[Worker]:
    """Return the workers of a running service, by the id of its main process, of a worker, or of
    what started it.
    """
    try:
        named = psutil.Process(pid)
        family = [named, *named.children(recursive=True)]
        found = [worker for process in family if (worker := identify(process))]
    except psutil.NoSuchProcess:
        raise CommandError(
            f"There is no process {pid}. `pgrep -f 'service (serve|dev)'` lists services."
        ) from None
    except psutil.AccessDenied:
        raise CommandError(
            f"Process {pid} belongs to another user: run this command as that user."
        ) from None
    if not found:
        raise CommandError(
            f"Process {pid} is no service, and started none: name that of `service serve` or `dev`."
        )
    return found


def identify(process: psutil.Process) -> Worker | None:
    folder = Path(process.environ().get(RUNTIME_FOLDER_VARIABLE, "/nowhere"))
    return (
        Worker(process, folder)
        if (folder / HEARTBEAT_FILE.format(pid=process.pid)).exists()
        else None
    )


@dataclass
class Running:
    """The workers, and the load on them. Of ours, `samples` has what came of the requests, and
    `notes` what it cost.
    """

    workers: Sequence[Worker]
    load: str = "whatever load it has"
    sending: Future[Any] | None = None
    samples: list[Sample] = field(default_factory=list)
    notes: list[tuple[int, float]] = field(default_factory=list)

    def note(self, seconds: float = 0) -> None:
        """Note, after some seconds of a load of ours, how many requests there were, and the CPU of
        the workers.
        """
        if self.sending:
            time.sleep(seconds)
        if self.sending and self.sending.done():
            raise CommandError(f"The load has ended: {self.sending.exception()}.")
        spent = sum(target.read_cpu(worker.process) for worker in self.workers)
        self.notes.append((len(self.samples), spent))

    def tell_cost(self) -> str:
        """Return a sentence on what an instrument cost: requests between the first two notes
        against those since.
        """
        self.note()
        if not self.sending:
            return "The load was not ours, so what the instrument cost is not known; docs/measure.md has its figures."
        plain, observed = (self.describe(*self.notes[place : place + 2]) for place in (0, 1))
        return f"Overhead: with the instrument a request took {observed}; before it, {plain}."

    def describe(self, begin: tuple[int, float], end: tuple[int, float]) -> str:
        samples, spent = self.samples[begin[0] : end[0]], end[1] - begin[1]
        if not samples:
            return "no time, as there was none"
        p50 = statistics.median(sample.seconds for sample in samples) * 1000
        return f"{p50:.1f} ms (p50) and {spent / len(samples) * 1e6:,.0f} µs of CPU"


@contextmanager
def observe(
    definition: ServiceDefinition,
    *,
    names: Sequence[str],
    pid: int | None,
    rate: float,
    rows: int | None,
    **settings: str,
) -> Generator[Running]:
    """Yield the running service of a process, or else one that is started here and stays under load
    in the block.
    """
    if pid:
        yield Running(find_workers(pid))
        return
    chosen, over = scenario.find(names), threading.Event()
    with target.provide(definition, rows=rows, WATCHDOG_CONSOLE="true", **settings) as service:
        running = Running(
            find_workers(service.processes[0].pid),
            f"{rate:g} requests a second of {', '.join(chosen)}",
        )
        mixes = [requests.prepare(service.url, it, service.token) for it in chosen.values()]
        calls = takewhile(
            lambda _: not over.is_set(), chain.from_iterable(zip(*mixes, strict=False))
        )
        with ThreadPoolExecutor(1) as thread:
            work = load.at_rate(service.url, calls, rate, DAY, running.samples.append)
            running.sending = thread.submit(load.run, work)
            try:
                time.sleep(target.WARM_UP)
                yield running
            finally:
                over.set()
