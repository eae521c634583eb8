"""A service on two instances, behind PgBouncer, with a primary and a replica that streams from it."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from inside import ledger, pgbouncer, postgres_server
from inside.jobs import queue
from inside.pgbouncer import Pooler
from inside.postgres_server import Server

from tests.kit.processes import ROOT, find_port, start, wait_until_live

COMMAND = [sys.executable, "-m", "inside.replicated"]
INSTANCES = 2
MAX_LAG = 1.0
SETTINGS = {
    "DATABASE_POOL_SIZE": "3",
    "DATABASE_CONNECT_TIMEOUT": "0.8",
    "DATABASE_ACQUIRE_TIMEOUT": "0.5",
    "DATABASE_REPLICA_MAX_LAG": str(MAX_LAG),
    "PYTHONPATH": str(ROOT),
}
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")

READ_POSITION = "select pg_current_wal_lsn()::text"
HAS_REPLAYED = "select pg_last_wal_replay_lsn() >= $1::text::pg_lsn"


@dataclass(frozen=True)
class Site:
    """Both servers of PostgreSQL, the pooler in front of each, and the addresses of the instances, once they run."""

    primary: Server
    replica: Server
    pooler: Pooler
    reader: Pooler
    urls: list[str] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """The variables of whatever runs there."""
        urls = {"DATABASE_URL": self.pooler.url, "DATABASE_DIRECT_URL": self.primary.url}
        return SETTINGS | urls | {"DATABASE_REPLICA_URL": self.reader.url}

    async def catch_up(self) -> None:
        """Return when the replica has all that the primary has now."""
        position = await queue.ask(self.primary.url, READ_POSITION)
        await queue.wait_until(lambda: self.has_replayed(position), 20)

    async def has_replayed(self, position: str) -> bool:
        [record] = await queue.execute(self.replica.url, HAS_REPLAYED, position)
        return record[0]


@contextmanager
def run(folder: Path) -> Generator[Site]:
    """Run the servers and their poolers, with the tables of the service and of the tests, and two instances."""
    with ExitStack() as stack:
        primary = stack.enter_context(postgres_server.run())
        asyncio.run(make_tables(primary.url))
        replica = stack.enter_context(postgres_server.replicate(primary))
        pooler = stack.enter_context(pgbouncer.hold(primary.url))
        reader = stack.enter_context(pgbouncer.hold(replica.url))
        site = Site(primary, replica, pooler, reader)
        started = [stack.enter_context(serve(site, folder / f"instance-{number}")) for number in range(INSTANCES)]
        for process, url in started:
            wait_until_live(process, url)
            site.urls.append(url)
        yield site


async def make_tables(url: str) -> None:
    await queue.migrate(url)
    await queue.make_tables(url)
    await queue.execute(url, ledger.TABLE)
    for name in LIMITS:
        await queue.execute(url, f"alter database {urlsplit(url).path.strip('/')} set {name} = '4s'")


@contextmanager
def serve(
    site: Site, folder: Path, command: list[str] = COMMAND, **settings: str
) -> Generator[tuple[subprocess.Popen[bytes], str]]:
    """Start one instance, and yield its process and its address. Its log is folder/output."""
    folder.mkdir()
    port = find_port()
    with start("serve", cwd=folder, command=command, **site.settings | settings, SERVER_PORT=str(port)) as process:
        yield process, f"http://127.0.0.1:{port}"


async def is_ready(url: str) -> bool:
    """Return whether an instance wants requests."""
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"{url}/readyz")).status_code == 200
        except httpx2.TransportError:
            return False


@dataclass
class Load:
    """A steady load on instances, each request on the next one. `answers` counts what came of it."""

    send: Callable[[str], Awaitable[str]]
    urls: list[str]
    answers: Counter[str] = field(default_factory=Counter)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @asynccontextmanager
    async def run(self, pause: float = 0.02) -> AsyncGenerator[None]:
        """Send a request every so many seconds until the block ends, and wait for all answers."""
        repeating = asyncio.create_task(self.repeat(pause))
        try:
            yield
        finally:
            repeating.cancel()
            await asyncio.gather(*self.tasks)

    async def repeat(self, pause: float) -> None:
        while True:
            url = self.urls[len(self.tasks) % len(self.urls)]
            self.tasks.append(asyncio.create_task(self.count(url)))
            await asyncio.sleep(pause)

    async def move(self, old: str, new: str) -> None:
        """Send to another instance from now on, as a balancer does, and return once this one has answered."""
        self.urls[self.urls.index(old)] = new
        await asyncio.gather(*self.tasks)

    async def count(self, url: str) -> None:
        self.answers[await self.send(url)] += 1

    async def wait_for(self, count: int) -> None:
        """Return when so many more requests were answered."""
        wanted = self.answers.total() + count

        async def is_answered() -> bool:
            return self.answers.total() >= wanted

        await queue.wait_until(is_answered, 60)
