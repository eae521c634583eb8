# kit: updated by the template; extend it from app.py
"""The service that is measured: one started for it and put under load, or one that runs; its processes and costs."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import uvloop

from service.kit import PACKAGE
from service.kit.edge import CommandError
from service.kit.server import CONSOLE, HEARTBEAT, VARIABLE, Wiring
from service_tools.dev import credentials, database
from service_tools.dev.commands import is_ready
from service_tools.perf import load, requests, scenario
from service_tools.perf.load import Call, Sample
from service_tools.perf.options import DEFAULT_ROWS, Subject
from service_tools.perf.scenario import ScenarioError

STARTING, STOPPING, ANSWERING = 20, 15, 120

WARM_UP = 1.0
"""Seconds before a measurement: connections are opened and statements prepared."""


class TargetError(CommandError):
    """The service cannot be measured as asked. The message says why, and what to do."""


@dataclass(frozen=True)
class Target:
    """Where the service answers, its processes if they are ours, and the token to send along if it takes one."""

    url: str
    token: str | None = None
    processes: tuple[psutil.Process, ...] = ()
    metrics: str = ""

    def read_cpu(self) -> float | None:
        """Return the processor time that the service has used, in seconds, user and system."""
        try:
            times = [read_cpu(process) for process in self.processes]
        except (OSError, psutil.NoSuchProcess):
            raise ScenarioError("A process of the service ended under the load; it failed, or was replaced.") from None
        return sum(times) if times else None

    def read_memory(self) -> float | None:
        """Return the resident memory of the service, in MB."""
        held = [process.memory_info().rss for process in self.processes]
        return sum(held) / 1e6 if held else None


def read_cpu(process: psutil.Process) -> float:
    """Return the seconds of CPU that a process has used; on Linux to the nanosecond, by its clock."""
    if sys.platform == "linux":
        return time.clock_gettime((~process.pid << 3) | 2)
    spent = process.cpu_times()
    return spent.user + spent.system


@contextmanager
def provide(wiring: Wiring, url: str | None, rows: int | None, token: str | None, **settings: str) -> Generator[Target]:
    """Yield the service at a URL, or one that runs for as long as it is measured."""
    if url:
        yield Target(url.rstrip("/"), token)
        return
    credentials.provide(wiring.settings)
    token = token or credentials.sign(wiring.settings)
    with ExitStack() as stack:
        with redirect_stdout(sys.stderr):
            stack.enter_context(database.prepare(wiring, rows, DEFAULT_ROWS, "perf"))
        yield stack.enter_context(start(token, None, **settings))


@contextmanager
def start(token: str | None = None, cwd: Path | None = None, **settings: str) -> Generator[Target]:
    """Run `service serve` on free ports and yield it when it is ready. Raises `ScenarioError`."""
    port, metrics = find_ports(2)
    own = {"SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port), "EDGE_TIMING": "true", "METRICS_PORT": str(metrics)}
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-m", PACKAGE, "serve"]
        env = {**os.environ, **own, **settings}
        process = subprocess.Popen(command, env=env, cwd=cwd, stdout=output, stderr=output)  # noqa: S603 - ours
        deadline = time.monotonic() + STARTING
        try:
            while not is_ready(url := f"http://127.0.0.1:{port}"):
                if time.monotonic() > deadline or process.poll() is not None:
                    output.seek(0)
                    said = output.read().decode(errors="replace")
                    raise ScenarioError(f"The service did not start:\n{said[-2000:]}")
                time.sleep(0.05)
            parent = psutil.Process(process.pid)
            family = (parent, *parent.children(recursive=True))
            yield Target(url, token, family, f"http://127.0.0.1:{metrics}/metrics")
        finally:
            process.terminate()
            try:
                process.wait(STOPPING)
            except subprocess.TimeoutExpired:
                process.kill()


def find_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@dataclass(frozen=True)
class Worker:
    """A worker process, and the folder in which it leaves its heartbeat and its console."""

    process: psutil.Process
    folder: Path

    def ask(self, question: str) -> Any:
        """Return the answer of its console. Raises `TargetError` where that is off."""
        path = self.folder / CONSOLE.format(pid=self.process.pid)
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(ANSWERING)
                client.connect(str(path))
                client.sendall(f"{question}\n".encode())
                answer = json.loads(client.makefile("rb").read())
        except (FileNotFoundError, ConnectionRefusedError):
            advice = "start it with WATCHDOG_CONSOLE=true; `service dev` does"
            raise TargetError(f"Worker {self.process.pid} has no console: {advice}.") from None
        except (OSError, ValueError) as error:
            raise TargetError(
                f"The console of worker {self.process.pid} does not answer: {error}. Try again."
            ) from None
        if isinstance(answer, dict) and "error" in answer:
            raise TargetError(f"Worker {self.process.pid} answered: {answer['error']}.")
        return answer


def find_workers(pid: int) -> list[Worker]:
    """Return the workers of a running service, by the id of its main process, of a worker, or of what started it."""
    try:
        named = psutil.Process(pid)
        family = [named, *named.children(recursive=True)]
        found = [worker for process in family if (worker := identify(process))]
    except psutil.NoSuchProcess:
        raise TargetError(f"There is no process {pid}. `pgrep -f 'service (serve|dev)'` lists services.") from None
    except psutil.AccessDenied:
        raise TargetError(f"Process {pid} belongs to another user: run this command as that user.") from None
    if not found:
        raise TargetError(f"Process {pid} is no service, and started none: name that of `service serve` or `dev`.")
    return found


def identify(process: psutil.Process) -> Worker | None:
    folder = Path(process.environ().get(VARIABLE, "/nowhere"))
    return Worker(process, folder) if (folder / HEARTBEAT.format(pid=process.pid)).exists() else None


@dataclass
class Running:
    """A service whose workers are looked at. Under a load of ours, `samples` gathers what came of the requests."""

    workers: Sequence[Worker]
    samples: list[Sample] = field(default_factory=list)
    load: str = "whatever load it has"
    errors: list[Exception] = field(default_factory=list)

    def read(self) -> tuple[int, float]:
        """Return how many requests were answered, and the seconds of CPU that the workers used until now."""
        return len(self.samples), sum(read_cpu(worker.process) for worker in self.workers)

    def check(self) -> None:
        if self.errors:
            raise TargetError(f"The load has ended: {self.errors[0]}.")


@contextmanager
def observe(wiring: Wiring, subject: Subject, **settings: str) -> Generator[Running]:
    """Yield the running service of a process, or else one that is started here and stays under load in the block."""
    if subject["pid"]:
        yield Running(find_workers(subject["pid"]))
        return
    chosen, rate = scenario.find(subject["names"]), subject["rate"]
    with provide(wiring, None, subject["rows"], None, WATCHDOG_CONSOLE="true", **settings) as target:
        running = Running(find_workers(target.processes[0].pid), load=f"{rate:g} requests a second")
        running.load += f" of {', '.join(chosen)}"
        mixes = [requests.prepare(target.url, it, target.token)(it.steps) for it in chosen.values()]
        with drive(target, chain.from_iterable(zip(*mixes, strict=False)), rate, running):
            time.sleep(WARM_UP)
            yield running


@contextmanager
def drive(target: Target, calls: Iterator[Call], rate: float, running: Running) -> Generator[None]:
    """Send requests from a thread while the block runs."""
    loop = uvloop.new_event_loop()
    task = loop.create_task(load.at_rate(target.url, calls, rate, 86_400, running.samples.append))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        except Exception as error:
            running.errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(load.PATIENCE)


def compare_costs(running: Running, before: tuple[int, float], between: tuple[int, float]) -> str:
    """Return a sentence on what an instrument cost: requests before it against those since it started."""
    running.check()
    after = running.read()
    plain, observed = running.samples[before[0] : between[0]], running.samples[between[0] : after[0]]
    if not plain or not observed:
        return "The load was not ours, so what the instrument cost is not known; docs/measure.md has its figures."
    cpu = [
        (end - begin) / len(part) * 1e6
        for begin, end, part in ((before[1], between[1], plain), (between[1], after[1], observed))
    ]
    p50 = [sorted(sample.seconds for sample in part)[len(part) // 2] * 1000 for part in (plain, observed)]
    return (
        f"Overhead: with the instrument a request took {p50[1]:.1f} ms (p50) and {cpu[1]:,.0f} µs of CPU; "
        f"before it, {p50[0]:.1f} ms and {cpu[0]:,.0f} µs."
    )
