# kit: updated by the template; extend it from app.py
"""The service that is measured: one at a URL, or one that is started for it; its processes, and
what they use.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import psutil

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database
from service_tools.dev.commands import is_ready
from service_tools.perf.commands import DEFAULT_ROWS

STARTING, STOPPING = 60, 15

WARM_UP = 1.0
"""Seconds before a measurement: connections are opened and statements prepared."""


@dataclass(frozen=True)
class Target:
    """Where the service answers, its processes if they are ours, and the token to send along if it
    takes one.
    """

    url: str
    token: str | None = None
    processes: tuple[psutil.Process, ...] = ()
    metrics: str = ""

    def read_cpu(self) -> float | None:
        """Return the processor time that the service has used, in seconds, user and system."""
        try:
            times = [read_cpu(process) for process in self.processes]
        except (OSError, psutil.NoSuchProcess):
            raise CommandError(
                "A process of the service ended under the load; it failed, or was replaced."
            ) from None
        return sum(times) if times else None

    def read_memory(self) -> float | None:
        """Return the resident memory of the service, in MB."""
        held = [process.memory_info().rss for process in self.processes]
        return sum(held) / 1e6 if held else None


def read_cpu(process: psutil.Process) -> float:
    """Return the seconds of CPU that a process has used; on Linux to the nanosecond, by its
    clock.
    """
    if sys.platform == "linux":
        return time.clock_gettime((~process.pid << 3) | 2)
    spent = process.cpu_times()
    return spent.user + spent.system


@contextmanager
def provide(
    definition: ServiceDefinition,
    *,
    url: str | None = None,
    token: str | None = None,
    rows: int | None = None,
    **settings: str,
) -> Generator[Target]:
    """Yield the service at a URL, or one that runs for as long as it is measured."""
    if url:
        yield Target(url.rstrip("/"), token)
        return
    credentials.provide(definition.settings)
    token = token or credentials.sign(definition.settings)
    with ExitStack() as stack:
        with redirect_stdout(sys.stderr):
            stack.enter_context(database.prepare(definition, rows, DEFAULT_ROWS, "perf"))
        yield stack.enter_context(start(token, None, **settings))


@contextmanager
def start(token: str | None = None, cwd: Path | None = None, **settings: str) -> Generator[Target]:
    """Run `service serve` on free ports and yield it when it is ready. Raises `CommandError`."""
    port, metrics = find_ports(2)
    own = {
        "SERVER_HOST": "127.0.0.1",
        "SERVER_PORT": str(port),
        "EDGE_TIMING": "true",
        "METRICS_PORT": str(metrics),
    }
    with tempfile.TemporaryFile() as output:
        command, env = [sys.executable, "-m", PACKAGE, "serve"], {**os.environ, **own, **settings}
        # In a process group of its own, Ctrl-C does not reach it: it answers until what was
        # measured is told.
        process = subprocess.Popen(  # noqa: S603 - ours
            command, env=env, cwd=cwd, stdout=output, stderr=output, process_group=0
        )
        deadline = time.monotonic() + STARTING
        try:
            while not is_ready(url := f"http://127.0.0.1:{port}"):
                if time.monotonic() > deadline or process.poll() is not None:
                    output.seek(0)
                    said = output.read().decode(errors="replace")
                    raise CommandError(f"The service did not start:\n{said[-2000:]}")
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
