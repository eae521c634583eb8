# kit: updated by the template; extend it from app.py
"""Routes: who may call them, what their functions are given, and how results and errors are sent.

To add a route, decorate a function in a slice's `http.py`, as in `@routes.get("")` (`routes.py`).
`app.py` finds the route of a request, checks its token and its `access.py`, limits its rate
(`rates.py`), and turns errors into problems (`problem_format.py`). `binder.py` calls the function
with its `inputs.py`, and what `query_string.py`, `body.py`, and `forms.py` with `uploads.py` read;
`mismatches.py` names what does not fit, `unbound.py` what to write instead. `request.py` has bodies
that functions read themselves, `socket.py` WebSockets, `idempotency.py` has `once`; `openapi.py`
and `schemas.py` describe routes, for `pages.py`. Imports work, edge, db, rows, offload and auth.
"""

from service.kit.auth.bearer import Caller
from service.kit.edge.events import Event, EventStream, LastEventId
from service.kit.renamed import find_renamed
from service.kit.web.access import NEEDS_TOKEN, OPTIONAL_TOKEN, PUBLIC, Needs
from service.kit.web.app import build
from service.kit.web.binder import Reply, created, encode
from service.kit.web.forms import Form
from service.kit.web.idempotency import IdempotencyKey, once, require_key
from service.kit.web.routes import Rate, Routes, Slice
from service.kit.web.socket import Socket
from service.kit.web.uploads import Parts, Upload
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
    "Form",
    "IdempotencyKey",
    "InvalidField",
    "LastEventId",
    "Needs",
    "Parts",
    "Problem",
    "ProblemDetails",
    "Rate",
    "Reply",
    "Routes",
    "Slice",
    "Socket",
    "Upload",
    "build",
    "busy",
    "conflict",
    "created",
    "encode",
    "invalid",
    "not_found",
    "once",
    "require_key",
]

__getattr__ = find_renamed(__name__)
