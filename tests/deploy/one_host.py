"""What a machine runs with `deploy=compose`, as processes: two replicas, and Caddy with the shipped file in front."""

import http.client
import os
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.harness import shell
from tests.harness.programs import find_program
from tests.harness.terminal import wait_for


@dataclass
class Replica:
    """A `service serve` that is stopped and started as the release does it."""

    folder: Path
    port: int
    metrics: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"replica-{self.port}.log"

    def start(self) -> None:
        own = {"SERVER_PORT": str(self.port), "METRICS_PORT": str(self.metrics)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [".venv/bin/service", "serve"],
                cwd=self.folder,
                env=shell.environment(**self.environment | own),
                stdout=log,
                stderr=log,
                process_group=0,
            )
        wait_for(self.is_ready, 60, self.show_log)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=4) as response:
                return response.status == 200
        except OSError:
            return False

    def show_log(self) -> str:
        return self.log.read_text()[-2_000:]

    def find_log(self, text: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if text in line]

    def read_metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=5) as response:
            return response.read().decode()

    def count_arriving(self) -> int:
        """Return how many requests' bodies are still arriving."""
        values = re.findall(r"^http_requests_receiving(?:\{.*\})? (\S+)$", self.read_metrics(), re.MULTILINE)
        return sum(int(float(value)) for value in values)  # none yet, for a moment after the start

    def stop(self) -> int:
        """Stop it as Docker does, and return its exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        """Kill it and its workers."""
        assert self.process
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Proxy:
    """A Caddy with the shipped file."""

    port: int
    http_port: int
    root: Path

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.root)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=30)

    def is_serving(self) -> bool:
        if not self.root.exists():
            return False
        connection = self.connect()
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def run_caddy(caddyfile: Path, folder: Path, ports: list[int], upstreams: list[int]) -> Generator[Proxy]:
    """Run Caddy with a certificate of its own authority for localhost."""
    https, http_port, admin = ports
    environment = {
        "DOMAIN": "localhost",
        "HTTPS_PORT": str(https),
        "HTTP_PORT": str(http_port),
        "UPSTREAMS": " ".join(f"127.0.0.1:{port}" for port in upstreams),
        "CADDY_ADMIN": f"127.0.0.1:{admin}",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    command = [find_program("caddy"), "run", "--config", caddyfile, "--adapter", "caddyfile"]
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, env=shell.environment(**environment), stdout=log, stderr=log)
    try:
        proxy = Proxy(https, http_port, folder / "caddy/pki/authorities/local/root.crt")
        wait_for(proxy.is_serving, 30, (folder / "caddy.log").read_text)
        yield proxy
    finally:
        process.terminate()
        process.wait(40)


class Server(Protocol):
    """What takes requests."""

    def connect(self) -> http.client.HTTPConnection: ...


@dataclass
class Load:
    """Clients that each repeat a request on one connection, and what became of them."""

    server: Server
    send: Callable[[http.client.HTTPConnection], object]
    answers: Counter[str] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def run(self, clients: int) -> Generator[None]:
        threads = [threading.Thread(target=self.repeat) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join()

    def repeat(self) -> None:
        connection = self.server.connect()
        while not self.ended.is_set():
            try:
                answer = str(self.send(connection))
            except (OSError, http.client.HTTPException) as error:
                answer = repr(error)
                connection.close()
            self.answers[answer] += 1
            time.sleep(0.02)
        connection.close()
