"""A service of its own for the tests of keys, so that they need no slice of the service around them.

`python -m inside.notes` serves it by granian, as `service serve` serves the real one.
"""

import asyncio
import os
from typing import Annotated

import asyncpg
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from service.kit import web
from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.edge import asgi
from service.kit.edge.edge import Edge
from service.kit.edge.problems import conflict
from service.kit.server import KitSettings, read_settings, serve
from service.kit.web import Db, IdempotencyKey, Slice, idempotency, once

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


insert_note = Query("insert into notes (text, folder) values ($1, $2) returning id, text", Note)


@post("/{folder:int}")
async def create_note(
    db: Db, folder: FromPath[int], data: JSONBody[NewNote], idempotency_key: IdempotencyKey
) -> Response[Note]:
    async def work(connection: Connection) -> Response[Note]:
        note = await connection.fetch_one(insert_note, data.text, folder)
        return Response(note, headers={"Location": f"/notes/{note.id}"})

    return await once(db, idempotency_key, data, work)


@post("/strict", status_code=200)
async def create_strictly(db: Db, data: JSONBody[NewNote], idempotency_key: IdempotencyKey) -> Response[Note]:
    async def work(connection: Connection) -> Response[Note]:
        return Response(await connection.fetch_one(insert_note, data.text, 0))

    return await once(db, idempotency.require(idempotency_key), data, work)


@get("/process")
async def read_process() -> int:
    return os.getpid()


ROUTES = Router("/notes", route_handlers=[create_note, create_strictly, read_process])
CONSTRAINTS = {"notes_text_key": lambda: conflict("text", "another note has it")}


def build(settings: KitSettings) -> asgi.App:
    db = Database(settings.database)
    app = web.build([Slice(ROUTES, CONSTRAINTS)], [db], {"db": db}, settings.idempotency)

    async def stall(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        async def never(_: asgi.Message) -> None:
            await asyncio.Event().wait()

        stalled = scope["type"] == "http" and asgi.merge(scope["headers"]).get(STALL)
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
