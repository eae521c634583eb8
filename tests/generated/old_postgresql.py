"""PostgreSQL as Debian packages it, for the versions that production may have and development has not."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import shell, temporary

FOLDERS = Path("/usr/lib/postgresql")
SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 100
listen_addresses = ''
shared_preload_libraries = 'pg_stat_statements'
"""
USER = "postgres"


def find(version: int) -> Path | None:
    """Return the folder of its programs, if it is installed."""
    folder = FOLDERS / str(version) / "bin"
    return folder if (folder / "initdb").exists() else None


@contextmanager
def run(programs: Path) -> Generator[str]:
    """Run a server of one test's own, on a Unix socket, and yield its URL."""
    memory = temporary.FOLDER if temporary.FOLDER.is_dir() else None
    place = Path(tempfile.mkdtemp(prefix="old-postgresql-", dir=memory))
    if os.geteuid() == 0:  # it refuses to be root
        shutil.chown(place, USER)
    place.chmod(0o755)
    data = place / "data"
    try:
        execute(programs / "initdb", "-D", data, "-U", USER, "-A", "trust")
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}unix_socket_directories = '{place}'\n")
        execute(programs / "pg_ctl", "-D", data, "-l", place / "log", "-w", "start")
        try:
            yield f"postgresql://{USER}:@/postgres?host={place}"
        finally:
            execute(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place)


def execute(*command: str | Path) -> None:
    """Run a program of PostgreSQL as the user that it accepts."""
    prefix = ("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups") if os.geteuid() == 0 else ()
    shell.run(*prefix, *command, cwd=Path("/"))
