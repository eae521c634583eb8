"""A service with logins and a database, whose secrets change under it: `python -m inside.secrets.guarded`."""

from functools import partial

from service.kit import web
from service.kit.auth.bearer import Auth, Caller
from service.kit.auth.keys import IssuerOptions
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.edge.edge import Edge
from service.kit.migrate.files import find_pending
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web.access import NEEDS_TOKEN, PUBLIC
from service.kit.web.routes import Routes, Slice
from service.kit.work import asgi

hold = Query("select $1::float8 from pg_sleep($1)", float, tuple[float])

routes = Routes("/", access=NEEDS_TOKEN)


class Settings(KitSettings):
    auth: IssuerOptions


@routes.post("/sessions", access=PUBLIC)
async def log_in(issuer: IssuerOptions) -> str:
    return issuer.sign("ada")


@routes.get("/hold/{milliseconds:int}")
async def hold_connection(db: Database, caller: Caller, milliseconds: int) -> str:
    """Keep a connection busy."""
    await db.fetch_one(hold, milliseconds / 1000)
    return caller.id


def create() -> asgi.App:
    settings = read_settings(Settings)
    configure_logs(settings.log)
    db = Database(settings.database)
    app = web.build([Slice(routes)], provide=[db, settings.auth], resources=[db], auth=Auth(settings.auth))
    ready = partial(find_pending, settings.database, settings.migrations)
    return Edge(app, settings.edge, ready=ready)


if __name__ == "__main__":
    settings = read_settings(Settings)
    serve("inside.secrets.guarded:create", settings.server, settings.metrics)
