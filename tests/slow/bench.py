"""A service to plant in: rendered, with a second slice, a PostgreSQL that keeps running, and a partner."""

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from tests import slow
from tests.harness import packages, service, shell
from tests.slow import Case

FIELDS = ("carrier:text(80)", "weight:int", "status:enum(packed,sent)@=packed", "note:text?")
PARTNER_SECONDS = 0.02
TOO_BUSY = "this machine is too busy for these times"
"""What a report says whose times are those of other processes: its reader measures again."""
MAX_ATTEMPTS = 6
PYTHON, COMMAND = ".venv/bin/python", ".venv/bin/service"

POSTGRESQL = """
import sys
from service_tools.dev import embedded
with embedded.run_postgresql() as url:
    print(url, flush=True)
    sys.stdin.read()
"""
"""A PostgreSQL for as long as standard input is open."""

DROP = """
import asyncio
from service_tools.dev.database import drop_database
asyncio.run(drop_database(input(), "perf"))
"""
"""The database is made anew by the next command: migrations were planted in it, or are about to be."""


class Outcome(NamedTuple):
    """What came of the runs of a command: what it did not name, what it printed, and how long all took."""

    missing: list[str]
    printed: str
    seconds: float


class Partner(BaseHTTPRequestHandler):
    """Another service, which takes its time."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(PARTNER_SECONDS)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Bench(NamedTuple):
    """The service in `folder`, the URL of its PostgreSQL, and that of the partner."""

    folder: Path
    database: str
    partner: str

    def attempt(self, case: Case) -> Outcome:
        """Plant a case, and run its command."""
        began = time.monotonic()
        missing: list[str] = []
        printed = ""
        for parts in case.runs:
            with self.plant(case, parts):
                for _ in range(MAX_ATTEMPTS):
                    unnamed, said = self.run(case, parts)
                    printed += said
                    if not unnamed or TOO_BUSY not in said:
                        break
                missing += unnamed
        return Outcome(missing, printed, time.monotonic() - began)

    def run(self, case: Case, parts: tuple[str, ...]) -> tuple[list[str], str]:
        """Return what the command of a case does not name, and what it prints."""
        command = shlex.split(case.command)
        code, said = shell.attempt(COMMAND, *command, cwd=self.folder, PARTNER_URL=self.partner)
        if code:
            return [f"{case.command} ended with {code}"], said
        return slow.find_missing(case, parts, self.folder, read_report(self.folder)), said

    @contextmanager
    def plant(self, case: Case, parts: tuple[str, ...]) -> Generator[None]:
        diffs = [slow.find_diff(case, part) for part in parts]
        changes_tables = any("b/migrations/" in diff.read_text() for diff in diffs)
        shell.run("git", "apply", *diffs, cwd=self.folder)
        try:
            if changes_tables:
                self.drop()
            yield
        finally:
            shell.run("git", "apply", "--reverse", *diffs, cwd=self.folder)
            if changes_tables:
                self.drop()

    def drop(self) -> None:
        command = [PYTHON, "-c", DROP]
        subprocess.run(command, cwd=self.folder, input=self.database, text=True, check=True, env=shell.environment())


def read_report(folder: Path) -> Any:
    """Return what the last report found."""
    paths = sorted(folder.glob("perf/reports/*.json"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(paths[-1].read_text())["results"] if paths else None


@contextmanager
def open_bench(rendered: Path, folder: Path) -> Generator[Bench]:
    """Prepare a copy of a render, and run PostgreSQL and the partner."""
    shutil.copytree(rendered, folder)
    packages.install(folder)
    shell.run(COMMAND, "new", "shipments", *FIELDS, "--no-plans", cwd=folder)
    shell.run("git", "init", "--quiet", cwd=folder)
    service.save(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), Partner) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with shell.hold(PYTHON, "-c", POSTGRESQL, cwd=folder) as url:
            yield Bench(folder, url, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
