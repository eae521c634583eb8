"""Fixtures and helpers of the tests that send requests with a key to the service in `notes`."""

from collections.abc import AsyncGenerator

import asyncpg
import httpx2
import pytest_asyncio
from inside import notes
from service.settings import Settings

from tests.kit.fixtures import open_client

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest_asyncio.fixture
async def raw(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to look at what is stored."""
    connection = await notes.prepare(database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def client(settings: Settings, raw: asyncpg.Connection) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of the service of notes."""
    async with open_client(notes.build(settings)) as client:
        yield client


async def post(client: httpx2.AsyncClient, text: str = "a", path: str = "/notes/1", **headers: str) -> httpx2.Response:
    """Send a new note, with a key."""
    return await client.post(path, json={"text": text}, headers=headers or KEY)


def tell(response: httpx2.Response) -> tuple[int, str]:
    """Return the status and the kind of a problem."""
    return response.status_code, response.json().get("type", "")


async def count(raw: asyncpg.Connection, table: str = "notes") -> int:
    """Return how many rows a table has."""
    return await raw.fetchval(f"select count(*) from {table}")


WAITING = """
select pid
  from pg_locks
 where not granted and database = (select oid from pg_database where datname = current_database())
"""


async def wait_for_lock(raw: asyncpg.Connection) -> int:
    """Return the process of the session that waits for a lock, as soon as one does."""
    while not (pid := await raw.fetchval(WAITING)):
        await raw.execute("select pg_sleep(0.01)")
    return pid
