"""The generated service without one of its parts: `PART=etag python without.py PORT`. The difference is what it costs.

It runs in the environment of a generated service.
"""

import os
import sys
import time
from collections.abc import Callable

from service import app
from service.kit.auth import Auth, Caller
from service.kit.db import connection, sessions
from service.kit.edge import Span, asgi
from service.kit.edge.access_log import AccessLog
from service.kit.edge.edge import Edge
from service.kit.edge.response import Exchange
from service.kit.server import ServerOptions, serve

OWNER = Caller("development", {}, time.time() + 86_400)


async def trust(*_: object) -> Caller:
    """Take everybody for the owner of the orders."""
    return OWNER


def forget_time() -> None:
    """Keep no account of where the time of a request goes."""
    Span.__enter__ = lambda _: None
    Span.__exit__ = lambda *_: None


def drop_time_limits() -> None:
    """Let statements take any time: without a limit, the driver starts no timer."""
    connection.time_left = lambda _: None
    connect = sessions.asyncpg.connect
    sessions.asyncpg.connect = lambda *args, **options: connect(*args, **options | {"command_timeout": None})


PARTS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "log and counts": lambda: setattr(AccessLog, "record", lambda *_, **__: None),
    "ETag": lambda: setattr(Exchange, "validate", lambda *_: False),
    "time limits of statements": drop_time_limits,
    "account of time": forget_time,
    "token": lambda: setattr(Auth, "identify", trust),
    "deadline of the request": lambda: setattr(Edge, "watch", lambda *_: None),
}


def create() -> asgi.App:
    """Return the application without the part that the environment names."""
    PARTS[os.environ["PART"]]()
    return app.create()


if __name__ == "__main__":
    serve("without:create", ServerOptions(port=int(sys.argv[1])))
