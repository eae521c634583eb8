"""A filled PostgreSQL and the servers on it, each started as in production and pinned to a core. For Linux."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import shell
from tests.harness.ports import find_ports
from tests.performance import rendered

PROGRAMS = Path(__file__).parent / "programs"
POOL_SIZE = 10
ROWS = "/v1/orders?limit=1"
SERVER_CORE, OTHER_CORE = 0, (os.cpu_count() or 1) - 1
"""Where the server under test runs, and where the database and the load do."""


@dataclass
class Server:
    """A program that listens on a port; its process may have made others."""

    name: str
    port: int
    process: subprocess.Popen[str]
    headers: dict[str, str]

    def read_cpu_seconds(self) -> float:
        """Return the processor time that it has used so far, with its workers."""
        return rendered.read_cpu_seconds(list(list_family(self.process.pid)))

    def get(self, path: str, **headers: str) -> tuple[bytes, str | None]:
        """Return the body at a path, and its encoding."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=self.headers | headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read(), response.headers["content-encoding"]


def post(server: Server, path: str, body: str) -> None:
    """Send JSON to a path, which has to take it."""
    headers = server.headers | {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", body.encode(), headers)
    urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def provide_database(folder: Path, *arguments: int, program: str = "database") -> Generator[dict[str, Any]]:
    """Yield what a program says of the database that it has filled: its URL, and with `database` keys and versions."""
    command = [python(folder), str(PROGRAMS / f"{program}.py"), *map(str, arguments)]
    process = spawn(command, folder, OTHER_CORE)
    try:
        assert process.stdout
        if not (line := process.stdout.readline()):
            raise SystemExit("the database did not start")
        yield json.loads(line)
    finally:
        process.communicate(timeout=60)  # the end of its input ends it


@contextmanager
def start(
    name: str,
    folder: Path,
    url: str,
    program: str = "",
    *,
    path: str = ROWS,
    headers: dict[str, str] | None = None,
    **settings: str,
) -> Generator[Server]:
    """Yield the running server of that name: a program, which is called like it by default, or the service itself.

    It is ready when it answers `path`. Without `headers`, requests have a token for the made-up orders.
    """
    program = program or name
    [port] = find_ports(1)
    script = ["uv", "run", "--quiet", "--script", "--python", python(folder)]
    commands = {
        "service": [str(folder / ".venv/bin/service"), "serve"],
        "conventional": script,
        "conduit": script,
    }
    command = [*commands.get(program, [python(folder)])]
    command += [] if program == "service" else [str(PROGRAMS / f"{program}.py"), str(port)]
    variables = {"DATABASE_URL": url, "DATABASE_POOL_SIZE": str(POOL_SIZE), "SERVER_PORT": str(port)}
    variables |= {"AUTH_SIGNING_KEY": rendered.read_key(folder), **settings}
    process = spawn(command, folder, SERVER_CORE, folder.parent / f"{name}.log", **variables)
    try:
        server = Server(name, port, process, rendered.sign_in(folder) if headers is None else headers)
        wait_until_ready(server, path)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def spawn(command: list[str], folder: Path, core: int, log: Path | None = None, **variables: str) -> subprocess.Popen:
    """Start a command on one core, with its output piped, or written to a file as a supervisor would."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # what this process starts inherits it
    try:
        output = log.open("w") if log else subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=folder,
            env=shell.environment(**variables),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output if log else sys.stderr,
            text=True,
        )
    finally:
        os.sched_setaffinity(0, usual)


def drive(folder: Path, **specification: Any) -> dict[str, Any]:
    """Run a load with a token for the made-up orders on the other core, and return its figures."""
    signed_in = "".join(f"{name}: {value}\r\n" for name, value in rendered.sign_in(folder).items())
    specification["headers"] = specification.get("headers", "") + signed_in
    return run_load(folder, specification)


def run_load(folder: Path, specification: dict[str, Any]) -> dict[str, Any]:
    """Run a load on the other core, and return its figures."""
    command = [python(folder), str(PROGRAMS / "load.py"), json.dumps(specification)]
    printed, _ = spawn(command, folder, OTHER_CORE).communicate(timeout=300)
    return json.loads(printed)


def wait_until_ready(server: Server, path: str) -> None:
    """Return once the server answers a request for rows."""
    for _ in range(600):
        try:
            server.get(path)
        except (urllib.error.URLError, OSError):
            if server.process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{server.name} did not start; its log is above the folder that it runs in")


def list_family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from list_family(int(child))


def python(folder: Path) -> str:
    """Return the interpreter of a rendered service."""
    return str(folder / ".venv" / "bin" / "python")
