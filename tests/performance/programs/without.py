"""The generated service without one of its parts: `PART=ETag python without.py PORT`. The difference is what it costs.

It runs in the environment of a generated service.
"""

import os
import sys
import time
from collections.abc import Callable

from service import app
from service.kit.auth.bearer import Auth, Caller
from service.kit.db import database
from service.kit.edge import edge, response
from service.kit.edge.access_log import AccessLog
from service.kit.edge.compression import Compression
from service.kit.server.http_server import ServerOptions, serve
from service.kit.web import binder
from service.kit.work import asgi, limits
from service.orders import http

BATCH_THREADS = "batch threads"
OWNER = Caller("development", {}, time.time() + 86_400)


async def trust(*_: object) -> Caller:
    """Take everybody for the owner of the orders."""
    return OWNER


async def enqueue_nothing(*_: object) -> None:
    """Enqueue no job."""


def forget_time() -> None:
    """Keep no account of where the time of a request goes."""
    limits.charge = lambda *_: None
    database.charge = lambda *_: None
    binder.charge = lambda *_: None


PARTS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "log and counts": lambda: setattr(AccessLog, "record", lambda *_, **__: None),
    "ETag": lambda: setattr(response.Exchange, "is_not_modified", lambda *_: False),
    "choice of a coding": lambda: setattr(Compression, "negotiate", lambda *_: None),
    "protective headers": lambda: response.PROTECTIVE_HEADERS.clear(),
    "request id": lambda: setattr(response, "choose_request_id", lambda _: "0"),
    "host": lambda: setattr(edge.Edge, "check_host", lambda *_: None),
    "deadlines": lambda: setattr(limits.Deadlines, "add", lambda *_: None),
    "account of time": forget_time,
    "admission": lambda: setattr(edge, "Limiter", lambda *_, **__: limits.Limiter(0)),  # all requests are refused
    "job": lambda: setattr(http, "enqueue", enqueue_nothing),
    "token": lambda: setattr(Auth, "identify", trust),
    BATCH_THREADS: lambda: None,
}


def create() -> asgi.App:
    """Return the application without the part that the environment names."""
    PARTS[os.environ["PART"]]()
    return app.create()


if __name__ == "__main__":
    serve("without:create", ServerOptions(port=int(sys.argv[1]), batch_threads=os.environ["PART"] != BATCH_THREADS))
