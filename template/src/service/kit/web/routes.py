# kit: updated by the template; extend it from app.py
"""The routes of a slice: each with its path, its function, who may call it, and how often."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from service.kit.db.errors import Constraints
from service.kit.db.query import Seed
from service.kit.web.access import NEEDS_TOKEN, PUBLIC, Access, AccessError, Check
from service.kit.web.unbound import INSTEAD
from service.kit.work import asgi

PATH_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
"""Part of a path: `{order_id:uuid}`, or `{name}` for a string
(https://www.starlette.io/routing/#path-parameters)."""

MOUNT = "MOUNT"
WEBSOCKET = "WEBSOCKET"


@dataclass(frozen=True)
class Rate:
    """`requests` in `per` seconds for each caller, or for each address on a public route.

    They may come all at once; the caller then gets them back one by one. An IPv6 address counts as
    its /64 network. `Routes(…, limit=…)` is one rate for all its routes together; one that is given
    to several routes counts for each of them on its own.

    Each worker counts by itself, unless the rate is `shared`: then PostgreSQL counts over all
    workers and replicas, by one statement for each request.
    """

    requests: int
    per: float
    shared: bool = False

    def __post_init__(self) -> None:
        if self.requests < 1 or self.per <= 0:
            advice = "allow at least one request in more than 0 seconds"
            raise ValueError(f"{self} lets nobody in; {advice}")


type Handler = Callable[..., Awaitable[Any]]


class Options(TypedDict, total=False):
    """The options of a route. `access` and `limit` override those of its `Routes`.

    `max_bytes` is the maximum size of an upload, in place of EDGE_UPLOAD_BYTES.
    """

    access: Access | Check
    limit: Rate | None
    summary: str
    status: int
    max_bytes: int


@dataclass(frozen=True)
class Route:
    """One method of one path. `method` is MOUNT or WEBSOCKET for what has none.

    `status` is that of a success.
    """

    method: str
    path: str
    endpoint: Any
    access: Access | Check | None = None
    summary: str = ""
    status: int | None = None
    tags: Sequence[str] = ()
    limit: Rate | None = None
    max_bytes: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def template(self) -> str:
        """The path as OpenAPI, logs and metrics have it: without the types of its parameters."""
        return PATH_PARAMETER.sub(r"{\1}", self.path)

    @property
    def level(self) -> Access | None:
        """What is asked of the token. A check needs one; None is undecided."""
        if isinstance(self.access, Access):
            return self.access
        return NEEDS_TOKEN if callable(self.access) else None


class Routes:
    """Routes under one prefix.

        routes = Routes("/v1/orders", access=NEEDS_TOKEN)

        @routes.get("/{order_id:uuid}", summary="Read an order")
        async def read_order(…) -> Order: …

    The function stays as it is. Its parameters are bound by their types: what app.py provides,
    `Caller`, `IdempotencyKey`, and Starlette's `Request` or `WebSocket`; a `Filter` is the query
    string, any other struct (or list, or dict) the JSON body. Path parameters are bound by name,
    and all others come from the query string; so does a list of texts or numbers in a GET.

    `access` may be a check of your own: a function that is bound like a provider, and returns
    whether it lets the bearer of a token in. `access` and `limit` apply to each route that does not
    say otherwise; a route without any `access` keeps the service from starting. `websocket` needs
    SERVER_WEBSOCKETS.
    """

    def __init__(
        self,
        prefix: str,
        *,
        access: Access | Check | None = None,
        limit: Rate | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        self.prefix = prefix
        self.access = access
        self.limit = copy(limit)  # routes with one object share its count
        self.tags = tags
        self.table: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self.table)

    def add[Function: Handler](
        self, method: str, path: str, **options: Unpack[Options]
    ) -> Callable[[Function], Function]:
        """Return the decorator that adds a function.

        Without `status`, a POST sends 201, and no result 204. Raises TypeError for another option.
        """
        for option in options.keys() - Options.__annotations__.keys():
            advice = INSTEAD.get(option, f"known are {', '.join(Options.__annotations__)}")
            raise TypeError(f"{method} {self.prefix}{path} has no option `{option}`: {advice}")

        def add_function(function: Function) -> Function:
            full_path = self.prefix.rstrip("/") + path
            limit = copy(options["limit"]) if "limit" in options else self.limit
            route = Route(
                method,
                full_path.rstrip("/") or "/",
                function,
                options.get("access", self.access),
                options.get("summary", ""),
                options.get("status"),
                self.tags,
                limit,
                options.get("max_bytes"),
            )
            self.table.append(route)
            return function

        return add_function

    def get[Function: Handler](
        self, path: str, **options: Unpack[Options]
    ) -> Callable[[Function], Function]:
        return self.add("GET", path, **options)

    def post[Function: Handler](
        self, path: str, **options: Unpack[Options]
    ) -> Callable[[Function], Function]:
        return self.add("POST", path, **options)

    def put[Function: Handler](
        self, path: str, **options: Unpack[Options]
    ) -> Callable[[Function], Function]:
        return self.add("PUT", path, **options)

    def patch[Function: Handler](
        self, path: str, **options: Unpack[Options]
    ) -> Callable[[Function], Function]:
        return self.add("PATCH", path, **options)

    def delete[Function: Handler](
        self, path: str, **options: Unpack[Options]
    ) -> Callable[[Function], Function]:
        return self.add("DELETE", path, **options)

    def websocket[Function: Handler](
        self, path: str, **options: Unpack[Options]
    ) -> Callable[[Function], Function]:
        return self.add(WEBSOCKET, path, **options)

    def mount(self, path: str, app: asgi.App, **options: Unpack[Options]) -> None:
        """Hand everything under a path to an ASGI application, like Starlette's `StaticFiles`."""
        self.add(MOUNT, path, **options)(app)


@dataclass(frozen=True)
class Slice:
    """One folder of the service, as `app.py` wires it.

    `constraints` makes the problem of each constraint of the slice's tables, such as a 409 for a
    unique violation. `seed` makes sample rows for development.
    """

    routes: Routes
    constraints: Constraints = field(default_factory=dict)
    seed: Seed | None = None


def check_access(routes: Sequence[Route], *, has_auth: bool) -> None:
    """Raise `AccessError` unless each route says who may call it, and that can be checked."""
    lines: list[str] = []
    for route in routes:
        if route.level is None:
            decide = "`access=NEEDS_TOKEN`, `access=Needs('admin')`, or `access=PUBLIC`"
            lines.append(f"{route}: give it or its Routes {decide}")
        elif route.level is not PUBLIC and not has_auth:
            advice = "it needs a token; give `web.build` an `auth` to check it with"
            lines.append(f"{route}: {advice}")
    if lines:
        raise AccessError("\n".join(["Who may call these routes?", *sorted(lines)]))
