"""The generated service with a route for large bodies, which counts the orders of a list: `python bodies.py PORT`.

It runs in the environment of a generated service.
"""

import sys

from service import app
from service.kit.server.http_server import ServerOptions, serve
from service.kit.web import NEEDS_TOKEN, Routes, Slice
from service.kit.work import asgi
from service.orders.model import NewOrder

routes = Routes("/v1/lists", access=NEEDS_TOKEN, tags=["lists"])


@routes.post("", summary="Count orders")
async def count_orders(data: list[NewOrder]) -> int:
    """Return how many orders the body has."""
    return len(data)


def create() -> asgi.App:
    """Return the application with one slice more."""
    app.SLICES = (*app.SLICES, Slice(routes=routes))
    return app.create()


if __name__ == "__main__":
    serve("bodies:create", ServerOptions(port=int(sys.argv[1])))
