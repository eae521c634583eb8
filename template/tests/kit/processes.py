# kit: updated by the template
"""The `service` command as a process of its own, as an operator starts it."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
from dotenv import dotenv_values

from service.kit.server.settings import list_names
from service.kit.work import metrics
from service.settings import Settings

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "service"]
# Variables that would change what a command does, except the keys that the tests sign tokens with; and one that some
# CI images set, with which each start compiles every module again.
FOREIGN = {name for name in list_names(Settings) if not name.startswith("AUTH_")}
FOREIGN |= {"PYTHONDONTWRITEBYTECODE", metrics.MULTIPROC_DIR}
# Linux takes the ports of outgoing connections from 32,768 on, which may hold any of those.
PORTS = random.sample(range(20_000, 32_000), 12_000)


def find_port() -> int:
    """Return a port that was free a moment ago, and another one each time."""
    while True:
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port := PORTS.pop()))
            return port


def make_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with only these settings of the service, and those of .env.development."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    kept |= {name: value or "" for name, value in dotenv_values(ROOT / ".env.development").items()}
    return kept | {"MIGRATIONS_FOLDER": str(ROOT / "migrations"), "METRICS_PORT": "0"} | dict(settings)


def run(*arguments: str, cwd: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    env = make_environment(settings)
    return subprocess.run(
        [*COMMAND, *arguments], env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=30
    )


@contextmanager
def start(
    *arguments: str, cwd: Path, command: Sequence[str] = COMMAND, **settings: str
) -> Generator[subprocess.Popen[bytes]]:
    """Start a command in a process group of its own, with its output in cwd/output, and stop it afterwards."""
    with (cwd / "output").open("wb") as output:
        env = make_environment(settings)
        process = subprocess.Popen(
            [*command, *arguments], env=env, cwd=cwd, stdout=output, stderr=output, process_group=0
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)


@contextmanager
def serve(folder: Path, **settings: str) -> Generator[tuple[subprocess.Popen[bytes], str]]:
    """Run the service; yield its process and its address."""
    port = str(find_port())
    with start("serve", cwd=folder, SERVER_PORT=port, **settings) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_live(process, url)
        yield process, url


def wait_until_live(process: subprocess.Popen[bytes] | None, url: str, seconds: float = 60) -> None:
    """Return when the service answers. Raise if its process, where known, ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        try:
            httpx2.get(f"{url}/livez", timeout=1)
        except httpx2.TransportError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the service does not answer at {url}; its exit code is {process and process.poll()}")
