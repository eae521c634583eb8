"""A service that writes down numbers, for tests that take its database away: `python -m inside.ledger`.

It has production's server, edge, health, pool and errors, and no table but `entries`.
"""

from service.kit import web
from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.edge.edge import Edge
from service.kit.server.http_server import serve
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi

TABLE = "create table entries (number integer not null)"

write = Query("insert into entries (number) values ($1) returning number", int, tuple[int])
hold = Query("select 1 from pg_sleep($1)", int, tuple[float])


routes = Routes("/", access=PUBLIC)


@routes.post("/entries/{number:int}")
async def write_entry(db: Database, number: int) -> int:
    """Write a number down by a statement of its own if it is even, else in a transaction of several."""
    if number % 2 == 0:
        return await db.fetch_one(write, number)

    async def work(connection: Connection) -> int:
        await connection.fetch_one(hold, 0.0)
        return await connection.fetch_one(write, number)

    return await db.in_transaction(work)


@routes.get("/hold/{milliseconds:int}")
async def hold_connection(db: Database, milliseconds: int) -> int:
    """Keep a connection busy."""
    return await db.fetch_one(hold, milliseconds / 1000)


def create(*slices: Slice) -> asgi.App:
    """Return the application, with the slices of a service that does more."""
    settings = read_settings(KitSettings)
    db = Database(settings.database)
    app = web.build([Slice(routes), *slices], provide=[db], resources=[db])
    return Edge(app, settings.edge)


if __name__ == "__main__":
    serve("inside.ledger:create", read_settings(KitSettings).server)
