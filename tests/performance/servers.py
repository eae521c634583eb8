"""A filled PostgreSQL and the servers on it, each started as in production and pinned to a core. For Linux."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import shell
from tests.harness.ports import find_ports
from tests.performance import builds, rendered

PROGRAMS = Path(__file__).parent / "programs"
POOL_SIZE = 10
SCRIPTS = "conventional", "conduit"
"""Programs that name their own packages."""

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


def post(server: Server, path: str, body: str, method: str = "POST", **headers: str) -> bytes:
    """Send JSON to a path, which has to take it, and return the answer."""
    headers = server.headers | {"Content-Type": "application/json"} | headers
    url = f"http://127.0.0.1:{server.port}{path}"
    request = urllib.request.Request(url, body.encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


@contextmanager
def provide_database(folder: Path, *arguments: int, program: str = "database") -> Generator[dict[str, Any]]:
    """Yield what a program says of the database that it has filled: its URL, and with `database` keys and versions."""
    command = [python(folder), str(PROGRAMS / f"{program}.py"), *map(str, arguments)]
    process = spawn(command, folder, OTHER_CORE)
    try:
        yield json.loads(read_line(process, "the database did not start"))
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
    cores: tuple[int, ...] = (SERVER_CORE,),
    **settings: str,
) -> Generator[Server]:
    """Yield the running server of that name: a program, which is called like it by default, or the service itself.

    It is ready when it answers `path`. Without `headers`, requests have a token for the made-up orders.
    """
    [port] = find_ports(1)
    command = make_command(program or name, folder, port)
    variables = {"DATABASE_URL": url, "DATABASE_POOL_SIZE": str(POOL_SIZE), "SERVER_PORT": str(port)}
    variables |= {"AUTH_SIGNING_KEY": rendered.read_key(folder), **settings}
    process = spawn(command, folder, *cores, log=folder.parent / f"{name}.log", **variables)
    try:
        server = Server(name, port, process, rendered.sign_in(folder) if headers is None else headers)
        wait_until_ready(server, path)
        yield server
    finally:
        process.terminate()
        process.communicate(timeout=30)


def make_command(program: str, folder: Path, port: int) -> list[str]:
    """Return the command that starts a program."""
    if program == "service":
        return [str(folder / ".venv/bin/service"), "serve"]
    if program in builds.OPTIONAL:
        return builds.make_command(program, port)
    script = ["uv", "run", "--quiet", "--script", "--python", python(folder)]
    runner = script if program in SCRIPTS else [python(folder)]
    return [*runner, str(PROGRAMS / f"{program}.py"), str(port)]


def spawn(command: list[str], folder: Path, *cores: int, log: Path | None = None, **variables: str) -> subprocess.Popen:
    """Start a command on these cores, with its output piped, or written to a file as a supervisor would."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # what this process starts inherits it
    try:
        with log.open("w") if log else nullcontext() as output:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=shell.environment(**variables),
                stdin=subprocess.PIPE,
                stdout=output or subprocess.PIPE,
                stderr=output or sys.stderr,
                text=True,
            )
    finally:
        os.sched_setaffinity(0, usual)


def drive(folder: Path, look: Callable[[], object] = lambda: None, /, **specification: Any) -> dict[str, Any]:
    """Run a load with a token for the made-up orders on the other core, and return its figures."""
    signed_in = "".join(f"{name}: {value}\r\n" for name, value in rendered.sign_in(folder).items())
    specification["headers"] = specification.get("headers", "") + signed_in
    return run_load(folder, specification, look)


def run_load(folder: Path, specification: dict[str, Any], look: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Run a load on the other core, and return its figures.

    `look` is called when all connections are open, and when the load is over, before they are closed.
    """
    process = spawn([python(folder), str(PROGRAMS / "load.py")], folder, OTHER_CORE)
    timer = threading.Timer(specification["seconds"] + 300, process.kill)  # for one that hangs
    timer.start()
    try:
        write_line(process, json.dumps(specification))
        read_line(process, "the load did not connect")
        look()
        write_line(process, "begin")
        figures = read_line(process, "the load ended early")
        look()
        return json.loads(figures)
    finally:
        timer.cancel()
        process.communicate(timeout=60)


def write_line(process: subprocess.Popen[str], line: str) -> None:
    """Write a line into the input of a process."""
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def read_line(process: subprocess.Popen[str], failure: str) -> str:
    """Return the next line that a process prints, or end with a message."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{failure}; its error is above")
    return line


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
