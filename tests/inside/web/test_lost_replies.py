"""Keys when something breaks in the middle: one effect, and its reply in the end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
from inside import notes
from inside.keyed import client, count, post, raw, tell, wait_for_lock
from pydantic import SecretStr
from service.settings import Settings

from tests.kit.fixtures import open_client

__all__ = ["client", "raw"]  # fixtures


@asynccontextmanager
async def cut_at_commit(url: str) -> AsyncGenerator[str]:
    """Yield the URL of a way to the database that ends after the first commit, before anybody hears of it."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    cut = asyncio.Event()

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if folder:
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{parts.port or 5432}")
        return await asyncio.open_connection(parts.hostname, parts.port or 5432)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, replies: bool) -> None:
        committing = False
        while data := await reader.read(65_536):
            committing = committing or b"COMMIT" in data
            if replies and committing and not cut.is_set():  # `COMMIT` is also what the server says when it is done
                cut.set()
                break
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await connect()
        await asyncio.gather(forward(reader, to_server, False), forward(from_server, writer, True))

    server = await asyncio.start_server(serve, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    user, at, _ = parts.netloc.rpartition("@")
    yield parts._replace(netloc=f"{user}{at}127.0.0.1:{port}", query="").geturl()
    assert cut.is_set()
    server.close()


async def test_a_connection_lost_at_commit_is_a_503_and_the_retry_gets_the_reply(
    settings: Settings, raw: asyncpg.Connection, database_url: str
):
    async with cut_at_commit(database_url) as url:
        database = settings.database.model_copy(update={"url": SecretStr(url)})
        async with open_client(notes.build(settings.model_copy(update={"database": database}))) as client:
            lost = await post(client)
            assert tell(lost) == (503, "urn:problem:outcome-unknown")
            assert await count(raw) == 1, "it was committed, and nobody knew"
            again = await post(client)
            assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert await count(raw) == 1


async def test_a_backend_that_ends_in_the_middle_is_a_503_and_the_retry_has_the_effect(
    client: httpx2.AsyncClient, raw: asyncpg.Connection
):
    async with raw.transaction():
        await raw.execute("lock table notes")
        waiting = asyncio.create_task(post(client))
        await raw.execute("select pg_terminate_backend($1)", await wait_for_lock(raw))
        assert tell(await waiting) == (503, "urn:problem:outcome-unknown")
    assert (await count(raw), await count(raw, "kit.idempotency_keys")) == (0, 0)
    again = await post(client)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    assert await count(raw) == 1


async def test_a_client_that_leaves_before_the_reply_gets_it_later(client: httpx2.AsyncClient, raw: asyncpg.Connection):
    async with raw.transaction():
        await raw.execute("lock table notes")
        waiting = asyncio.create_task(post(client))
        await wait_for_lock(raw)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with asyncio.timeout(10):
        while (reply := await post(client)).status_code == 409:  # noqa: ASYNC110 - until all is undone
            await asyncio.sleep(0.02)
    assert reply.status_code == 201
    assert await count(raw) == 1
