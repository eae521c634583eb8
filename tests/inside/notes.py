"""A service of its own for the tests of keys, so that they need no slice of the service around them.

`python -m inside.notes` serves it by granian, as `service serve` serves the real one.
"""

import asyncio
import os
from typing import Annotated

import asyncpg
from msgspec import Meta, Struct
from service.kit import web
from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.edge.edge import Edge
from service.kit.server.http_server import serve
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web.binder import Reply, created
from service.kit.web.idempotency import IdempotencyKey, once, require_key
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi, headers
from service.kit.work.problems import conflict

TABLE = """
create table notes (
    id int generated always as identity constraint notes_pkey primary key,
    text text not null constraint notes_text_key unique,
    folder int not null
)
"""
STALL = b"x-stall"
"""A request with this header is done and never answered."""


class Note(Struct, frozen=True):
    id: int
    text: str


class NewNote(Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1)]
    tags: dict[str, int] = {}
    pages: dict[int, str] = {}


insert_note = Query("insert into notes (text, folder) values ($1, $2) returning id, text", Note, tuple[str, int | None])


ROUTES = Routes("/notes", access=PUBLIC)
CONSTRAINTS = {"notes_text_key": lambda: conflict("text", "another note has it")}


@ROUTES.post("/{folder:int}")
async def create_note(db: Database, folder: int, data: NewNote, key: IdempotencyKey) -> Reply[Note]:
    async def work(connection: Connection) -> Reply[Note]:
        note = await connection.fetch_one(insert_note, data.text, folder)
        return created(note, f"/notes/{note.id}")

    return await once(db, key, data, work)


@ROUTES.post("/strict", status=200)
async def create_strictly(db: Database, data: NewNote, key: IdempotencyKey) -> Reply[Note]:
    async def work(connection: Connection) -> Reply[Note]:
        return Reply(await connection.fetch_one(insert_note, data.text, 0))

    require_key(key)
    return await once(db, key, data, work)


@ROUTES.get("/process")
async def read_process() -> int:
    return os.getpid()


def build(settings: KitSettings) -> asgi.App:
    db = Database(settings.database)
    app = web.build([Slice(ROUTES, CONSTRAINTS)], provide=[db], resources=[db], idempotency=settings.idempotency)

    async def stall(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        async def never(_: asgi.Message) -> None:
            await asyncio.Event().wait()

        stalled = scope["type"] == "http" and headers.merge_headers(scope["headers"]).get(STALL)
        await app(scope, receive, never if stalled else send)

    return Edge(stall)


def create() -> asgi.App:
    return build(read_settings(KitSettings))


async def prepare(url: str) -> asyncpg.Connection:
    """Make the table, and return a connection to look at it."""
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    return connection


if __name__ == "__main__":
    serve("inside.notes:create", read_settings(KitSettings).server)
