"""A service of event streams, in a process of its own: `python -m inside.streaming`."""

import asyncio
from collections.abc import AsyncGenerator

from service.kit import web
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.edge.edge import Edge
from service.kit.edge.events import Event, EventStream, LastEventId
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi

NAP = Query("select 1 as id from pg_sleep(60)", int)

routes = Routes("/", access=PUBLIC)
open_now: set[object] = set()


@routes.get("/open")
async def count_open() -> dict[str, int]:
    """Return how many generators are not closed yet."""
    return {"open": len(open_now)}


@routes.get("/count")
async def count_on(last: LastEventId) -> EventStream[int]:
    """Count on from the last number that the client has had, five numbers in all, and then wait."""

    async def count() -> AsyncGenerator[Event[int]]:
        open_now.add(key := object())
        try:
            first = int(last or 0) + 1
            for number in range(first, first + 5):
                yield Event(number, "number", str(number))
            await asyncio.Event().wait()
        finally:
            open_now.discard(key)

    return EventStream(count())


@routes.get("/holding")
async def hold_connection(db: Database) -> EventStream[int]:
    """Wait for PostgreSQL, on a connection of the pool."""

    async def wait() -> AsyncGenerator[Event[int]]:
        open_now.add(key := object())
        try:
            async with db.transaction() as connection:
                yield Event(await connection.fetch_one(NAP))
        finally:
            open_now.discard(key)

    return EventStream(wait())


@routes.get("/flood")
async def flood() -> EventStream[str]:
    """Send as much as the client takes."""

    async def make() -> AsyncGenerator[Event[str]]:
        open_now.add(key := object())
        try:
            while True:
                yield Event("x" * 1_000)
        finally:
            open_now.discard(key)

    return EventStream(make())


@routes.get("/failing")
async def fail() -> EventStream[int]:
    """Fail after an event."""

    async def make() -> AsyncGenerator[Event[int]]:
        yield Event(1)
        raise RuntimeError("planted")

    return EventStream(make())


@routes.get("/short")
async def end() -> EventStream[int]:
    """End after an event."""

    async def make() -> AsyncGenerator[Event[int]]:
        yield Event(1)

    return EventStream(make())


def build(settings: KitSettings) -> asgi.App:
    """Return the application."""
    db = Database(settings.database)
    return Edge(web.build([Slice(routes)], provide=[db], resources=[db]), settings.edge)


def create() -> asgi.App:
    """Return the application as a server process makes it."""
    settings = read_settings(KitSettings)
    configure_logs(settings.log)
    return build(settings)


if __name__ == "__main__":
    settings = read_settings(KitSettings)
    configure_logs(settings.log)
    serve("inside.streaming:create", settings.server, metrics=settings.metrics)
