"""Clients that keep writing numbers into the ledger while its database is disturbed, and count what became of them."""

import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import httpx2
from inside.postgres_server import Server

from tests.kit.processes import ROOT, find_port, start, wait_until_live

COMMAND_TIMEOUT = 1.0
ACQUIRE_TIMEOUT = 0.5
POOL = 3
QUEUE = 40
SETTINGS = {
    "DATABASE_POOL_SIZE": str(POOL),
    "DATABASE_POOL_WAITERS": str(QUEUE),
    "DATABASE_CONNECT_TIMEOUT": "0.8",
    "DATABASE_ACQUIRE_TIMEOUT": str(ACQUIRE_TIMEOUT),
    "DATABASE_LOCK_TIMEOUT": "0.6",
    "DATABASE_STATEMENT_TIMEOUT": "0.8",
    "DATABASE_COMMAND_TIMEOUT": str(COMMAND_TIMEOUT),
    "EDGE_CONCURRENCY": "1000",
    "EDGE_TIMING": "true",
    "PYTHONPATH": str(ROOT),
}
SLACK = 0.5

numbers = iter(range(10**6))

type Answer = tuple[int, httpx2.Response, float]


@contextmanager
def serve(server: Server, folder: Path) -> Generator[str]:
    port = find_port()
    settings = SETTINGS | {"DATABASE_URL": server.url, "SERVER_PORT": str(port)}
    with start(cwd=folder, command=[sys.executable, "-m", "inside.ledger"], **settings) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_live(process, url)
        yield url


@asynccontextmanager
async def open_client(url: str) -> AsyncGenerator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=20) as client:
        yield client


async def execute(server: Server, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def read_seconds(response: httpx2.Response, span: str) -> float:
    """Return how long the service was at it by its own clock, which a busy client does not slow down."""
    spans = dict(re.findall(r"([\w-]+);dur=([\d.]+)", response.headers["server-timing"]))
    return float(spans.get(span, 0)) / 1000


async def write(client: httpx2.AsyncClient, number: int) -> Answer:
    began = time.monotonic()
    response = await client.post(f"/entries/{number}")
    return number, response, time.monotonic() - began


async def write_steadily(client: httpx2.AsyncClient, until: asyncio.Event) -> list[Answer]:
    """Write 50 numbers a second, whether the answers come or not, until told to stop."""
    tasks = []
    while not until.is_set():
        tasks.append(asyncio.create_task(write(client, next(numbers))))
        await asyncio.sleep(0.02)
    return await asyncio.gather(*tasks)


async def write_during(client: httpx2.AsyncClient, fault: Callable[[], Awaitable[None]]) -> list[Answer]:
    """Write before, during and after a fault."""
    stop = asyncio.Event()
    writing = asyncio.create_task(write_steadily(client, stop))
    await asyncio.sleep(0.4)
    await fault()
    await wait_until_serving(client, seconds=2)
    await asyncio.sleep(0.4)
    stop.set()
    return await writing


async def wait_until_serving(client: httpx2.AsyncClient, seconds: float) -> None:
    """Return when each connection of the pool works again."""
    deadline = time.monotonic() + seconds + SLACK
    while time.monotonic() < deadline:
        answers = await asyncio.gather(*(client.get("/hold/50") for _ in range(POOL)))
        if all(answer.status_code == 200 for answer in answers):
            return
    raise AssertionError(f"the service does not serve {seconds} s after its database is back: {answers[0].text}")


async def check_ledger(server: Server, answers: list[Answer]) -> None:
    """Every acknowledged number stands in the ledger, and none stands there twice."""
    counts = Counter(record["number"] for record in await execute(server, "select number from entries"))
    acknowledged = {number for number, response, _ in answers if response.status_code == 201}
    assert acknowledged
    assert not acknowledged - counts.keys(), "acknowledged and lost"
    assert set(counts.values()) == {1}, "written twice"
