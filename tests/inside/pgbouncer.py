"""PgBouncer in transaction mode, in front of the PostgreSQL of the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.kit.processes import find_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
SERVER_CONNECTIONS = 2

CONFIGURATION = """
[databases]
* = {target} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = {authentication}
auth_file = {users}
pool_mode = transaction
default_pool_size = {size}
server_login_retry = 1
query_wait_timeout = 5
"""
"""The last two are those of deploy/pgbouncer/."""


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that is reached at `url`."""

    url: str
    process: subprocess.Popen[bytes]
    file: Path
    values: dict[str, str]

    def lead_to(self, url: str) -> None:
        """Lead to another server from now on, as an operator does after a failover."""
        self.file.write_text(CONFIGURATION.format(target=name_server(url), **self.values))
        self.process.send_signal(signal.SIGHUP)


def name_server(url: str) -> str:
    """Return where the server of a URL is, in the words of libpq."""
    parts = urlsplit(url)
    host = parts.hostname or parse_qs(parts.query)["host"][0]
    password = f" password={parts.password}" if parts.password else ""
    return f"host={host} port={parts.port or 5432}{password}"


@contextmanager
def run(url: str, password: str = "") -> Generator[str]:
    """Run a PgBouncer in front of the server of a URL. Yield the URL that leads through it.

    It asks for a password, by SCRAM, if there is one.
    """
    with hold(url, password) as pooler:
        yield pooler.url


@contextmanager
def hold(url: str, password: str = "") -> Generator[Pooler]:
    """Run a PgBouncer like `run`, and yield it."""
    if PROGRAM is None:
        pytest.fail("pgbouncer is not installed. On Debian: apt-get install pgbouncer", pytrace=False)
    parts = urlsplit(url)
    port = find_port()
    account = "embedded_postgres" if os.geteuid() == 0 else None  # PgBouncer refuses to be root
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        users = folder / "users"
        users.write_text(f'"{parts.username}" "{password}"')
        values = {
            "user": parts.username or "",
            "port": str(port),
            "size": str(SERVER_CONNECTIONS),
            "authentication": "scram-sha-256" if password else "any",
            "users": str(users),
        }
        file = folder / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(target=name_server(url), **values))
        with (folder / "output").open("w") as output:
            process = subprocess.Popen([PROGRAM, file], user=account, stdout=output, stderr=output)
        try:
            wait_until_listening(process, port, folder / "output")
            yield Pooler(f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}", process, file, values)
        finally:
            process.terminate()
            process.wait(10)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    """Return when it accepts connections."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"PgBouncer does not listen: {output.read_text()}")
