# kit: updated by the template; extend it from app.py
"""Routes: who may call them, what their functions are given, and how their results and errors are
sent.

To add a route, decorate a function in a slice's `http.py`, as in `@routes.get("")`; see
`routes.py`. `app.py` finds the route of a request, has its token checked and bounds how often it is
called; `binder.py` calls its function, with what `query_string.py` and `body.py` read, and
`values.py` lets pass. `request.py` is for functions that read a body. `idempotency.py` has `once`,
`cache.py` what is kept for some seconds; `openapi.py` describes all routes. May import all rooms
before it.
"""

from service.kit.auth import Caller
from service.kit.edge import Event, EventStream, LastEventId
from service.kit.web.app import build
from service.kit.web.binder import Reply, created
from service.kit.web.cache import Cache, CacheOptions
from service.kit.web.idempotency import IdempotencyKey, IdempotencyOptions, once, require
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC, AccessError, Rate, Routes, Slice

__all__ = [
    "NEEDS_TOKEN",
    "PUBLIC",
    "AccessError",
    "Cache",
    "CacheOptions",
    "Caller",
    "Event",
    "EventStream",
    "IdempotencyKey",
    "IdempotencyOptions",
    "LastEventId",
    "Rate",
    "Reply",
    "Routes",
    "Slice",
    "build",
    "created",
    "once",
    "require",
]
