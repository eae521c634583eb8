"""Keys while connections to PostgreSQL are cut, at each round trip of a create with a key and a job."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
from inside.jobs import queue
from inside.jobs.working import Task
from inside.keyed import count, raw
from inside.notes import Note, insert_note
from msgspec import Raw
from pydantic import SecretStr
from service.kit.db.database import Connection, Database
from service.kit.db.sessions import DatabaseOptions
from service.kit.jobs.job import Job
from service.kit.jobs.queue import enqueue
from service.kit.web.binder import Reply, created
from service.kit.web.idempotency import IdempotencyKey, once
from service.kit.work.problems import Problem

__all__ = ["raw"]  # a fixture

CUTS = 10
"""How often a connection ends at each round trip, on its way there and, as often, on its way back."""

STATEMENTS = 4
"""Round trips of such a create on a connection that knows the statements."""

SYNC, QUERY = b"S", b"Q"
"""The messages that end what PostgreSQL answers at once."""


async def ignore(_: Task) -> None:
    """Do nothing."""


JOB = Job("cut.ignore", Task, ignore)


class Way:
    """A way to PostgreSQL. Each connection ends at the next of the round trips 1, 2, 3 … `last`; with 0, at none."""

    def __init__(self, url: str, last: int) -> None:
        self.parts = urlsplit(url)
        self.last = last
        self.cuts: Counter[tuple[int, bool]] = Counter()
        self.round_trips = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self.parts.query).get("host", [""])[0]
        port = self.parts.port or 5432
        if folder:
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self.parts.hostname, port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await self.connect()
        replies = asyncio.create_task(forward(from_server, writer))
        await self.pass_on(reader, to_server, replies)
        to_server.close()
        writer.close()

    async def pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, replies: asyncio.Task[None]
    ) -> None:
        """Pass on what the service sends, up to the round trip at which this connection ends."""
        total = self.cuts.total()
        is_reply = total % 2 == 1
        left = place = 1 + total // 2 % self.last if self.last else -1
        writer.write(await read_login(reader))
        while True:
            kind, message = await read_message(reader)
            if not kind:
                return
            if kind in (SYNC, QUERY):
                self.round_trips += 1
                left -= 1
            if left == 0:
                break
            writer.write(message)
        self.cuts[place, is_reply] += 1
        replies.cancel()
        if is_reply:
            writer.write(message)
            await writer.drain()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)


async def read_login(reader: asyncio.StreamReader) -> bytes:
    """Return the first message, which alone has no kind."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size) - 4)


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the kind of a message, and all of it; nothing at the end."""
    try:
        head = await reader.readexactly(5)
        return head[:1], head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b"", b""


@asynccontextmanager
async def open_way(url: str, last: int) -> AsyncGenerator[tuple[Way, Database]]:
    """Yield a way, and a database that is reached by it on one connection at a time."""
    way = Way(url, last)
    server = await asyncio.start_server(way.serve, "127.0.0.1")
    user, at, _ = way.parts.netloc.rpartition("@")
    port = server.sockets[0].getsockname()[1]
    new = way.parts._replace(netloc=f"{user}{at}127.0.0.1:{port}", query="sslmode=disable").geturl()
    async with server, Database(DatabaseOptions(url=SecretStr(new), pool_size=1)) as db:
        yield way, db


async def create(db: Database, name: str) -> tuple[bytes, bool]:
    """Create a note and a job under a key, and return the reply, and whether it was stored before."""
    key = IdempotencyKey(name, "ada", "POST /notes", "/notes?", timedelta(hours=1))

    async def work(connection: Connection) -> Reply[Note]:
        note = await connection.fetch_one(insert_note, name, 1)
        await enqueue(connection, JOB, Task(note.id))
        return created(note, f"/notes/{note.id}")

    reply = await once(db, key, name, work)
    assert isinstance(reply.body, Raw)
    return bytes(reply.body), "Idempotency-Replayed" in reply.headers


async def create_at_last(db: Database, name: str) -> tuple[bytes, bool]:
    """Send a create again and again until there is a reply."""
    while True:
        try:
            return await create(db, name)
        except Problem as problem:
            if problem.kind not in ("busy", "in-flight", "outcome-unknown"):
                raise


async def test_a_create_with_a_key_and_a_job_takes_four_round_trips(database_url: str, raw: asyncpg.Connection):
    await queue.migrate(database_url)
    async with open_way(database_url, last=0) as (way, db):
        await create(db, "first")  # which also prepares the statements
        before = way.round_trips
        await create(db, "second")
        taken = way.round_trips - before
    assert taken == STATEMENTS


async def test_no_effect_is_doubled_and_no_key_lost_wherever_a_connection_ends(
    database_url: str, raw: asyncpg.Connection
):
    await queue.migrate(database_url)
    last = 3 * STATEMENTS  # the first create on a connection also prepares its statements
    names = []
    replayed = 0
    async with open_way(database_url, last) as (way, db):
        while way.cuts.total() < 2 * last * CUTS:
            names.append(str(uuid4()))
            reply, is_stored = await create_at_last(db, names[-1])
            replayed += is_stored
            stored = await raw.fetchval("select body from kit.idempotency_keys where body = $1", reply)
            assert stored == reply
    assert len(way.cuts) == 2 * last
    assert min(way.cuts.values()) >= CUTS
    assert replayed, "a commit was answered to nobody"
    assert await raw.fetchval("select array_agg(text order by id) from notes") == names
    assert await count(raw, "kit.idempotency_keys") == await count(raw, "kit.pgqueuer") == len(names)
