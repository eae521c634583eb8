# kit: updated by the template; extend it from app.py
"""Routes: who may call them, what their functions are given, and how results and errors are sent.

To add a route, decorate a function in a slice's `http.py`, as in `@routes.get("")` (`routes.py`);
`access.py` says who may call it. `app.py` finds the route of a request, has its token verified,
limits how often it is called, and turns errors into problems: a unique violation becomes the 409
of its slice. `binder.py` calls the function, with what `inputs.py`, `query_string.py` and `body.py`
read and check; `mismatches.py` names what does not fit, and `unbound.py` what to write instead.
`request.py` is for functions that read a body themselves. `idempotency.py` has `once`;
`openapi.py` with `schemas.py` describes all routes, and `pages.py` serves that;
`problem_format.py` has the shape of errors. Imports work, edge, db, rows and auth.
"""

from service.kit.auth.bearer import Caller
from service.kit.edge.events import Event, EventStream, LastEventId
from service.kit.renamed import find_renamed
from service.kit.web.access import NEEDS_TOKEN, OPTIONAL_TOKEN, PUBLIC, Needs
from service.kit.web.app import build
from service.kit.web.binder import Reply, created
from service.kit.web.idempotency import IdempotencyKey, once, require_key
from service.kit.web.routes import Rate, Routes, Slice
from service.kit.work.problems import (
    InvalidField,
    Problem,
    ProblemDetails,
    busy,
    conflict,
    invalid,
    not_found,
)

__all__ = [
    "NEEDS_TOKEN",
    "OPTIONAL_TOKEN",
    "PUBLIC",
    "Caller",
    "Event",
    "EventStream",
    "IdempotencyKey",
    "InvalidField",
    "LastEventId",
    "Needs",
    "Problem",
    "ProblemDetails",
    "Rate",
    "Reply",
    "Routes",
    "Slice",
    "build",
    "busy",
    "conflict",
    "created",
    "invalid",
    "not_found",
    "once",
    "require_key",
]


def __getattr__(name: str) -> object:
    return find_renamed(__name__, name)
