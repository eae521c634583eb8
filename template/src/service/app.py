"""The map of the service: its slices, what it opens and in which order, and what a request passes on its way."""

from functools import partial

from service import NAME, accounts, orders
from service.kit import asgi, environment, http, telemetry
from service.kit.auth import Auth
from service.kit.db import Database
from service.kit.edge import Edge
from service.kit.export import Exports
from service.kit.health import Health
from service.kit.migrate import find_pending
from service.kit.offload import Offload
from service.kit.openapi import Docs
from service.settings import Settings

SLICES = (accounts.SLICE, orders.SLICE)


def build(settings: Settings) -> asgi.App:
    """Return the whole application, the same for production and for tests."""
    db = Database(settings.database)
    offload = Offload(settings.offload)
    exports = Exports(db, settings.export)
    dependencies = {"db": db, "exports": exports, "offload": offload, "issuer": settings.auth}

    app = http.build(SLICES, [db, offload], dependencies, settings.idempotency, Auth(settings.auth))
    if settings.server.docs:
        app = Docs(app, partial(http.describe, SLICES, dependencies, NAME))
    app = Health(app, partial(find_pending, settings.database, settings.migrations))
    return Edge(app, settings.edge, settings.compression)


def create() -> asgi.App:
    """Return the application as each server process makes it, from the environment."""
    settings = environment.read(Settings)
    telemetry.configure(settings.log)
    return build(settings)
