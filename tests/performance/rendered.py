"""The default service, rendered from the working tree, and started as `service dev` starts it."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.harness import packages, quick_copier, service, sharing, shell, snapshot

INSIDE = Path(__file__).with_name("inside")


@contextmanager
def make() -> Generator[Path]:
    """Yield the folder of a service with its packages; delete it, and what was put beside it, afterwards."""
    with tempfile.TemporaryDirectory(prefix="measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this one is root
        made = folder / "service"
        with quick_copier.hasten():
            if shared := os.environ.get(sharing.RUN):
                template = sharing.make_once(Path(shared, "template"), snapshot.take)
                shutil.copytree(service.render_once(Path(shared), template, {}), made)
            else:
                service.render(snapshot.take(folder / "template"), made, {})
        packages.install(made)
        yield made


@contextmanager
def start(rows: int, port: int) -> Generator[Path]:
    """Yield the folder of a running service with this many made-up orders; stop it afterwards."""
    with make() as folder:
        command = ["uv", "run", "service", "dev", "--port", str(port), "--seed", str(rows)]
        with (folder.parent / "output").open("w") as output:
            process = subprocess.Popen(command, cwd=folder, env=shell.environment(), stdout=output, stderr=output)
        try:
            while "Started worker" not in (printed := (folder.parent / "output").read_text()):
                if process.poll() is not None:
                    raise SystemExit(printed)
                time.sleep(0.1)
            yield folder
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def run_inside(folder: Path, name: str, *arguments: object, **variables: str) -> None:
    """Run a program of tests/performance/inside in the environment of a rendered service."""
    command = ["uv", "run", "python", str(INSIDE / name), *map(str, arguments)]
    subprocess.run(command, cwd=folder, env=shell.environment(**variables), check=True)


@cache
def sign_in(folder: Path) -> dict[str, str]:
    """Return the header by which a rendered service takes a request as that of the account with the made-up orders."""
    token = shell.run(str(folder / ".venv/bin/service"), "token", cwd=folder).strip()
    return {"Authorization": f"Bearer {token}"}


def read_key(folder: Path) -> str:
    """Return the key that the tokens are signed with, for the variable AUTH_SIGNING_KEY."""
    sign_in(folder)
    return (folder / ".signing-key").read_text().strip()


def find_processes(folder: Path) -> list[int]:
    """Return the ids of the processes that belong to a service: its workers, and its PostgreSQL with every backend."""
    found = []
    postmaster = (folder / ".postgres" / "postmaster.pid").read_text().splitlines()[0]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = re.search(r"\) \S (\d+)", (entry / "stat").read_text())
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it ended meanwhile
        if entry.name == postmaster or (parent and parent[1] == postmaster) or str(folder / ".venv") in command:
            found.append(int(entry.name))
    return found


def read_cpu_seconds(pids: list[int]) -> float:
    """Return the processor time that processes have used so far, from the scheduler, to the nanosecond."""
    total = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(thread.read_text().split()[0])
    return total / 1e9
