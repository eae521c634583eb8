"""A service that only exports, for tests in their process, and as one of its own: `python -m inside.exporting`."""

from service.kit import web
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.edge.edge import Edge
from service.kit.rows.export import Export, Exports
from service.kit.rows.formats import FormatName
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi

PAUSE = "case when id = 50000 then pg_sleep({})::text end"
MANY = "(select generate_series(1, 60000) as id) as many"
QUERIES = {
    "few": Query("select generate_series(1, 3) as id", int),
    "none": Query("select 1 as id where false", int),
    "endless": Query("select generate_series(1, 2000000000) as id", int),
    "quiet": Query("select 1 as id from pg_sleep(60)", int),
    "pausing": Query(f"select id, {PAUSE.format(60)} as nap from {MANY}", int),
    "long": Query(f"select id, {PAUSE.format(2)} as nap from {MANY}", int),
    "failing": Query(f"select 1 / (50000 - id) as id from {MANY}", int),
    "wrong": Query("select 1 / (2 - id) as id from (select generate_series(1, 3) as id) as n", int),
    "gone": Query("select id from nowhere", int),
}


routes = Routes("/", access=PUBLIC)


@routes.get("/{name}")
async def export(exports: Exports, name: str, format: FormatName | None = None) -> Export:
    """Export the rows of a statement."""
    return exports.stream(QUERIES[name], name=name, form=format)


def build(settings: KitSettings) -> asgi.App:
    """Return the application."""
    db = Database(settings.database)
    app = web.build([Slice(routes)], provide=[Exports(db, settings.export)], resources=[db])
    return Edge(app, settings.edge)


def create() -> asgi.App:
    """Return the application as a server process makes it."""
    settings = read_settings(KitSettings)
    configure_logs(settings.log)
    return build(settings)


if __name__ == "__main__":
    serve("inside.exporting:create", read_settings(KitSettings).server)
