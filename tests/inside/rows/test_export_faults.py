"""Exports on a real server, whose clients leave, stall, or lose their rows on the way."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import asyncpg
import httpx2
import psutil
import pytest
import pytest_asyncio

from tests.kit.processes import ROOT, find_port, make_environment, wait_until_live

pytestmark = pytest.mark.faults

RUNNING = """
select count(*)
  from pg_stat_activity
 where datname = current_database() and query ilike 'copy%' and state = 'active'
"""
TERMINATE = RUNNING.replace("count(*)", "pg_terminate_backend(pid)")
ALL = (200, "id\n1\n2\n3\n")

type Start = Callable[..., httpx2.AsyncClient]


@pytest_asyncio.fixture
async def watcher(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection that sees what the others do."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def start(database_url: str, tmp_path: Path) -> AsyncGenerator[Start]:
    """Start the service with these settings, and return a client of it. It runs one export at a time."""
    port = find_port()
    client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)
    fixed = {"DATABASE_URL": database_url, "SERVER_PORT": str(port), "EXPORT_CONCURRENCY": "1"}
    started = []

    def run(**settings: str) -> httpx2.AsyncClient:
        command = [sys.executable, "-m", "inside.exporting"]
        with (tmp_path / "output").open("wb") as output:
            env = make_environment(fixed | settings)
            started.append(subprocess.Popen(command, env=env, cwd=ROOT, stdout=output, stderr=output))
        wait_until_live(started[0], str(client.base_url))
        return client

    yield run
    await client.aclose()
    started[0].terminate()
    started[0].wait(15)


def ask(client: httpx2.AsyncClient, path: str) -> socket.socket:
    """Ask for an export on a connection of its own, and return that."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10)
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: {client.base_url.host}\r\n\r\n".encode())
    return connection


async def answer(client: httpx2.AsyncClient, path: str = "/few") -> tuple[int, str]:
    """Return the status and the text of a response."""
    response = await client.get(path)
    return response.status_code, response.text


async def wait_for(watcher: asyncpg.Connection, count: int, seconds: float = 10) -> None:
    """Return when this many exports run in PostgreSQL."""
    deadline = time.monotonic() + seconds
    while (running := await watcher.fetchval(RUNNING)) != count:
        assert time.monotonic() < deadline, f"{running} exports run in PostgreSQL instead of {count}"
        await asyncio.sleep(0.02)


def find_worker(client: httpx2.AsyncClient) -> psutil.Process:
    """Return the process that serves a client."""
    for child in psutil.Process().children(recursive=True):
        ours = [one for one in child.net_connections("tcp") if one.laddr.port == client.base_url.port]
        if any(one.status == "ESTABLISHED" for one in ours):
            return child
    raise AssertionError(f"no process serves {client.base_url}")


async def test_an_export_ends_within_two_seconds_of_its_client(start: Start, watcher: asyncpg.Connection):
    client = start()
    for path, portions in [("/endless", 50), ("/endless", 0), ("/quiet", 0), ("/pausing", 1)] * 2:
        with ask(client, path) as leaving:
            await wait_for(watcher, 1)
            for _ in range(portions):
                leaving.recv(65_536)
            assert (await answer(client))[0] == 503
        left_at = time.monotonic()
        await wait_for(watcher, 0, seconds=5)  # well before the deadline of the request would end it
        while await answer(client) != ALL:
            assert time.monotonic() - left_at < 2, f"{path} goes on after {portions} portions"
            await asyncio.sleep(0.02)


async def test_a_client_that_stops_reading_costs_no_memory_and_is_given_up(start: Start, watcher: asyncpg.Connection):
    client = start(EDGE_STALL_TIMEOUT="1.5")
    assert await answer(client) == ALL
    worker = find_worker(client)
    before = worker.memory_info().rss
    with ask(client, "/endless") as stalled:
        await wait_for(watcher, 1)
        await asyncio.sleep(1)
        assert worker.memory_info().rss - before < 20_000_000
        await wait_for(watcher, 0)
        async with asyncio.timeout(2):
            while await answer(client) != ALL:  # noqa: ASYNC110 - its place is free some moments after PostgreSQL is
                await asyncio.sleep(0.02)
        received = b""
        while portion := stalled.recv(1_000_000):
            received = portion
        assert not received.endswith(b"0\r\n\r\n"), "the response has an end"


async def test_an_export_ends_with_its_deadline_however_fast_it_is_read(start: Start, watcher: asyncpg.Connection):
    client = start(EXPORT_TIMEOUT="1")
    with pytest.raises(httpx2.RemoteProtocolError):
        await answer(client, "/endless")
    await wait_for(watcher, 0)
    assert (await answer(client, "/quiet"))[0] == 504
    assert await answer(client) == ALL


async def test_an_export_may_take_longer_than_any_other_request(start: Start):
    client = start(
        EDGE_REQUEST_TIMEOUT="1",
        DATABASE_ACQUIRE_TIMEOUT="0.2",
        DATABASE_LOCK_TIMEOUT="0.3",
        DATABASE_STATEMENT_TIMEOUT="0.4",
        DATABASE_COMMAND_TIMEOUT="0.5",
    )
    status, text = await answer(client, "/long")
    assert (status, text.splitlines()[-1].split(",")[0]) == (200, "60000")


async def test_rows_that_fail_on_the_way_break_the_transfer(start: Start, watcher: asyncpg.Connection):
    client = start()
    with pytest.raises(httpx2.RemoteProtocolError):
        await answer(client, "/failing")
    assert await answer(client) == ALL

    reading = asyncio.create_task(answer(client, "/endless"))
    await wait_for(watcher, 1)
    await asyncio.sleep(0.3)
    await watcher.fetch(TERMINATE)
    with pytest.raises(httpx2.RemoteProtocolError):
        await reading
    assert await answer(client) == ALL
