"""The generated service without what stands around its framework: the same routes and pool, and no edge.

The difference to the service is what the edge costs. It runs in the environment of a generated service.
"""

import sys

from service.app import SLICES
from service.kit import asgi, environment, http, server
from service.kit.auth import Auth
from service.kit.db import Database
from service.kit.export import Exports
from service.kit.offload import Offload
from service.settings import Settings


def create() -> asgi.App:
    """Return the application of the framework."""
    settings = environment.read(Settings)
    db = Database(settings.database)
    offload = Offload(settings.offload)
    exports = Exports(db, settings.export)
    dependencies = {"db": db, "exports": exports, "offload": offload, "issuer": settings.auth}
    return http.build(SLICES, [db, offload], dependencies, auth=Auth(settings.auth))


if __name__ == "__main__":
    server.serve("bare:create", server.ServerOptions(port=int(sys.argv[1])))
