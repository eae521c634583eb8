"""The generated service without what stands around its framework: the same routes and pool, and no edge.

The difference to the service is what the edge costs. It runs in the environment of a generated service.
"""

import sys

from service import app
from service.kit.server.http_server import ServerOptions, serve
from service.kit.work import asgi


def create() -> asgi.App:
    """Return the application that the edge would have around it."""
    app.Edge = lambda inner, *_: inner
    return app.create()


if __name__ == "__main__":
    serve("bare:create", ServerOptions(port=int(sys.argv[1])))
