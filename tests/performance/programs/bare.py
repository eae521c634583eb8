"""The generated service without what stands around its framework: the same routes and pool, and no edge.

The difference to the service is what the edge costs. It runs in the environment of a generated service.
"""

import sys

from service.app import SLICES
from service.kit import web
from service.kit.auth import Auth
from service.kit.db import Database
from service.kit.edge import asgi
from service.kit.offload import Offload
from service.kit.rows import Exports
from service.kit.server import ServerOptions, read_settings, serve
from service.settings import Settings


def create() -> asgi.App:
    """Return the application of the framework."""
    settings = read_settings(Settings)
    db = Database(settings.database)
    offload = Offload(settings.offload)
    exports = Exports(db, settings.export)
    return web.build(
        SLICES, provide=[db, offload, exports, settings.auth], resources=[db, offload], auth=Auth(settings.auth)
    )


if __name__ == "__main__":
    serve("bare:create", ServerOptions(port=int(sys.argv[1])))
