# kit: updated by the template; extend it from app.py
"""The service that is measured: one at a URL, or one that is started here."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import psutil

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.sessions import DatabaseOptions
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database
from service_tools.dev.announcement import answers
from service_tools.perf.commands import DEFAULT_ROWS
from service_tools.perf.stacks import describe_line

START_TIMEOUT = 60
STOP_TIMEOUT = 15

LOG_SECONDS = 0.5
"""Seconds until an error stands in the log: lines are written in batches."""

MAX_LOG = 1_000_000
"""Bytes of the log's end in which a traceback is looked for."""

WARM_UP = 1.0
"""Seconds before a measurement: connections are opened and statements prepared."""


@dataclass(frozen=True)
class Target:
    """Where the service answers, and the token to send. `processes` are those started here.

    The token has its scheme before it, or else Bearer. `database` is that of the service, if it is
    known.
    """

    url: str
    token: str | None = None
    processes: tuple[psutil.Process, ...] = ()
    metrics: str = ""
    output: IO[bytes] | None = None
    database: DatabaseOptions | None = None

    def find_traceback(self) -> list[str]:
        """Return the lines of the last traceback that the service has logged, if there is one."""
        if not self.output:
            return []
        time.sleep(LOG_SECONDS)
        size = self.output.seek(0, os.SEEK_END)
        begin = max(0, size - MAX_LOG)
        logged = os.pread(self.output.fileno(), MAX_LOG, begin)
        for line in reversed(logged.splitlines()):
            if b'"exception":' in line:
                with suppress(ValueError):
                    return describe_exception(json.loads(line)["exception"][-1])
        return []

    def read_cpu(self) -> float:
        """Return the seconds of CPU that the processes have used, user and system."""
        try:
            return sum(map(read_cpu, self.processes))
        except (OSError, psutil.NoSuchProcess):
            raise CommandError(
                "A process of the service ended under the load; it failed, or was replaced."
            ) from None

    def read_memory(self) -> float | None:
        """Return the resident memory of the processes, in MB; None if there are none."""
        if not self.processes:
            return None
        resident: int = sum(process.memory_info().rss for process in self.processes)
        return resident / 1e6


def describe_exception(exception: Mapping[str, Any]) -> list[str]:
    """Return a traceback of a log as lines, from where it was raised to the outermost call."""
    lines = [f"{exception['exc_type']}: {exception['exc_value']}"]
    for frame in reversed(exception["frames"]):
        place = f"{frame['filename']}:{frame['lineno']} {frame['name']}"
        lines.append(f"  {': '.join(describe_line(place))}")
    return lines


def read_cpu(process: psutil.Process) -> float:
    """Return the seconds of CPU that a process has used; on Linux to the nanosecond."""
    if sys.platform == "linux":
        clock = (~process.pid << 3) | 2  # clock_getcpuclockid(3)
        return time.clock_gettime(clock)
    used = process.cpu_times()
    return used.user + used.system


@contextmanager
def provide_target(
    definition: ServiceDefinition,
    *,
    url: str | None = None,
    token: str | None = None,
    rows: int | None = None,
    **settings: str,
) -> Generator[Target]:
    """Yield the service at a URL, or one that is started with some rows and settings."""
    if url:
        yield Target(url.rstrip("/"), token)
        return
    credentials.accept_development_tokens(definition.settings)
    token = token or credentials.make_authorization(definition.settings)
    with ExitStack() as stack:
        with redirect_stdout(sys.stderr):
            prepared = database.prepare_database(definition, rows, DEFAULT_ROWS, "perf")
            options = stack.enter_context(prepared).database
        started = stack.enter_context(start_service(token, None, **settings))
        yield replace(started, database=options)


@contextmanager
def start_service(
    token: str | None = None, cwd: Path | None = None, **settings: str
) -> Generator[Target]:
    """Run `service serve` on free ports, and yield it when it is ready. Raises `CommandError`."""
    port, metrics_port = find_ports()
    own = {
        "SERVER_HOST": "127.0.0.1",
        "SERVER_PORT": str(port),
        "EDGE_TIMING": "true",
        "METRICS_PORT": str(metrics_port),
    }
    with tempfile.TemporaryFile() as output:
        # In a process group of its own, Ctrl-C does not reach it: it answers until the report is
        # made.
        process = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", PACKAGE, "serve"],
            env=os.environ | own | settings,
            cwd=cwd,
            stdout=output,
            stderr=output,
            process_group=0,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(process, url, output)
            parent = psutil.Process(process.pid)
            family = (parent, *parent.children(recursive=True))
            yield Target(url, token, family, f"http://127.0.0.1:{metrics_port}/metrics", output)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(process: subprocess.Popen[bytes], url: str, output: IO[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not answers(f"{url}/readyz"):
        if time.monotonic() > deadline or process.poll() is not None:
            output.seek(0)
            said = output.read().decode(errors="replace")
            raise CommandError(f"The service did not start:\n{said[-2000:]}")
        time.sleep(0.05)


def find_ports() -> tuple[int, int]:
    """Return two ports that are free now."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
