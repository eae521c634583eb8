"""A PostgreSQL as production has it, with passwords and TLS: Debian's, because the embedded one has no TLS."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from inside.secrets.certificates import Authority

from tests.kit.processes import find_port

PROGRAMS = Path("/usr/lib/postgresql")
USER = "postgres"
NAME = "localhost"
"""What the certificate of the server is for."""

SETTINGS = """
fsync = off
max_connections = 60
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
ssl = on
ssl_ca_file = '{folder}/ca'
ssl_cert_file = '{folder}/server'
ssl_key_file = '{folder}/key'
"""
ACCESS = """
local all postgres trust
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Server:
    """A server with the role and the database `app`, and the folder with the certificate of its authority: `ca`."""

    folder: Path
    port: int

    def make_url(self, password: str, host: str = NAME, user: str = "app", **parameters: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}:{password}@{host}:{self.port}/app?{query}"

    async def execute(self, statement: str) -> list[asyncpg.Record]:
        """Run a statement as an administrator."""
        connection = await asyncpg.connect(f"postgresql://{USER}@/app?host={self.folder}&port={self.port}")
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()


@contextmanager
def run() -> Generator[Server]:
    """Run a server of the tests' own."""
    found = sorted(PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        pytest.fail("PostgreSQL is not installed. On Debian: apt-get install postgresql", pytrace=False)
    folder = Path(tempfile.mkdtemp(prefix="secrets-postgresql-"))
    certificate, key = Authority().certify(NAME)
    try:
        for name, text in {"ca": certificate.authority, "server": certificate.text, "key": key}.items():
            (folder / name).write_text(text)
        (folder / "key").chmod(0o600)
        for path in (folder, *folder.iterdir()):
            if os.geteuid() == 0:  # it refuses to be root
                shutil.chown(path, USER)
        folder.chmod(0o755)
        execute(found[-1] / "initdb", "-D", folder / "data", "-U", USER, "-A", "trust")
        server = Server(folder, find_port())  # late, before anything else takes it
        with (folder / "data/postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(port=server.port, folder=folder))
        (folder / "data/pg_hba.conf").write_text(ACCESS)
        execute(found[-1] / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "start")
        try:
            for statement in ("create role app login password 'first'", "create database app owner app"):
                execute(
                    found[-1] / "psql", "-qh", folder, "-p", str(server.port), "-U", USER, "-c", statement, "postgres"
                )
            yield server
        finally:
            execute(found[-1] / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def execute(*command: str | Path) -> None:
    """Run a program of PostgreSQL as the user that it accepts."""
    user = USER if os.geteuid() == 0 else None
    subprocess.run(command, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60)
