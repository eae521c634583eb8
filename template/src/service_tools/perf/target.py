# kit: updated by the template; extend it from app.py
"""The service under load: processes of its own with the settings of production, or one that runs elsewhere."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

import httpx
import psutil

from service.kit import PACKAGE
from service.kit.db import connect, read_url
from service_tools.dev import embedded
from service_tools.dev.run import DATA
from service_tools.perf.client import Address
from service_tools.perf.scenario import ScenarioError

DATABASE = "perf"
STARTING, STOPPING = 20, 15


@dataclass(frozen=True)
class Target:
    """Where the service answers, its processes if they are ours, and the token to send along if it takes one."""

    url: str
    processes: tuple[psutil.Process, ...] = ()
    token: str | None = None

    @property
    def address(self) -> Address:
        """Where to connect to."""
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        return Address(parts.hostname or "", parts.port or (443 if secure else 80), secure)

    @property
    def host(self) -> str:
        """The value of the header `Host`."""
        return urlsplit(self.url).netloc

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
def provide_database() -> Generator[str]:
    """Yield the URL of DATABASE_URL, or of a database for measurements in the PostgreSQL of `service dev`."""
    if "DATABASE_URL" in os.environ:
        yield os.environ["DATABASE_URL"]
        return
    with embedded.run(DATA) as server:
        asyncio.run(create_database(server))
        yield urlsplit(server)._replace(path=f"/{DATABASE}").geturl()


async def create_database(server: str) -> None:
    """Create the database for measurements, unless it is there."""
    async with connect(read_url(server), "service perf") as connection:
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE}")


@contextmanager
def start(environment: Mapping[str, str], token: str | None = None) -> Generator[Target]:
    """Run `service serve` on a free port and yield it when it is ready. Raises `ScenarioError`."""
    port = find_port()
    url = f"http://127.0.0.1:{port}"
    own = {"SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port), "EDGE_TIMING": "true"}
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-m", PACKAGE, "serve"]
        process = subprocess.Popen(command, env={**environment, **own}, stdout=output, stderr=output)  # noqa: S603
        try:
            if not wait_until_ready(process, url):
                raise ScenarioError(f"The service did not start:\n{read_end(output)}")
            parent = psutil.Process(process.pid)
            yield Target(url, (parent, *parent.children(recursive=True)), token)
        finally:
            process.terminate()
            try:
                process.wait(STOPPING)
            except subprocess.TimeoutExpired:
                process.kill()


def read_end(output: IO[bytes]) -> str:
    """Return the last lines of an output."""
    output.seek(0)
    return output.read().decode(errors="replace")[-2000:]


def wait_until_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    """Return whether the service becomes ready."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).is_success:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    return False


def find_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
