"""The site: PostgreSQL with fsync on, the line to it, the service with two workers, and one worker for jobs."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
from inside import postgres_server, schema
from inside.jobs.queue import execute
from service.kit.auth import keys
from service.kit.work.command_error import CommandError
from service.settings import Settings
from service_tools.dev import credentials
from service_tools.perf import workers

from tests.kit.processes import ROOT, find_port, start, wait_until_live

WORKERS, POOL, JOBS_POOL = 2, 4, 3
SETTINGS = {
    "SERVER_WORKERS": str(WORKERS),
    "DATABASE_POOL_SIZE": str(POOL),
    "JOBS_POOL_SIZE": str(JOBS_POOL),
    "EDGE_STALL_TIMEOUT": "2",
    "WATCHDOG_STUCK": "2",
    "WATCHDOG_CONSOLE": "true",
    "JOBS_HEARTBEAT": "4",
    "JOBS_BACKOFF": "0.5",
    "JOBS_DRAIN_TIMEOUT": "2",
    "JOBS_KILL_TIMEOUT": "3",
    "PYTHONPATH": str(ROOT),
}
"""Those of production but for what would be waited for: how long a client may be slow, and a loop be blocked."""

SERVED = [sys.executable, "-m", "soak.served"]
WORKED = [sys.executable, "-m", "soak.worked", "worker"]


@dataclass
class Site:
    """What is soaked. Each process that is started gets a folder of its own, for its log."""

    folder: Path
    server: postgres_server.Server
    line: subprocess.Popen[bytes]
    settings: dict[str, str]
    port: int = field(default_factory=find_port)
    parts: dict[str, tuple[ExitStack, subprocess.Popen[bytes]]] = field(default_factory=dict)
    started: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self, name: str) -> None:
        """Start the `service`, or the `worker`."""
        self.started += 1
        (folder := self.folder / f"{self.started:03}-{name}").mkdir()
        stack, command = ExitStack(), SERVED if name == "service" else WORKED
        process = stack.enter_context(start(cwd=folder, command=command, SERVER_PORT=str(self.port), **self.settings))
        self.parts[name] = stack, process
        if name == "service":
            wait_until_live(process, self.url, 60)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Let it end by a signal, and return its exit code."""
        stack, process = self.parts.pop(name)
        process.send_signal(number)
        code = process.wait(60)
        stack.close()
        return code

    async def find_workers(self, name: str = "service") -> list[workers.WorkerProcess]:
        """Return the worker processes of the service, or the process that runs the jobs, once all of them run."""
        while True:
            with suppress(CommandError):  # the only one has ended, and the next one starts
                found = workers.find_workers(self.parts[name][1].pid)
                if len(found) == (WORKERS if name == "service" else 1):
                    return found
            await asyncio.sleep(0.1)

    async def ask(self, question: str) -> list[asyncpg.Record]:
        """Ask PostgreSQL itself, past the line."""
        connection = await asyncpg.connect(self.server.url)
        try:
            return await connection.fetch(question)
        finally:
            await connection.close()

    def read_logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*/output")))


@contextmanager
def build(folder: Path, tables: str) -> Generator[Site]:
    """Yield the site while it runs. `tables` makes those that it has beside the service's own."""
    os.environ["AUTH_SIGNING_KEY"] = keys.make_key()
    credentials.accept_development_tokens(Settings)
    with postgres_server.run("fsync = on\nsynchronous_commit = on\n") as server, ExitStack() as stack:
        asyncio.run(schema.apply(server.url, ROOT / "migrations"))
        asyncio.run(execute(server.url, tables))
        parts, port = urlsplit(server.url), find_port()
        socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        line = stack.enter_context(subprocess.Popen([sys.executable, "-m", "soak.line", socket, str(port)]))
        stack.callback(line.terminate)
        through = parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}", query="").geturl()
        site = Site(folder, server, line, SETTINGS | {"DATABASE_URL": through})
        try:
            for name in ("service", "worker"):
                site.begin(name)
            yield site
        finally:
            for name in [*site.parts]:
                site.end(name)
