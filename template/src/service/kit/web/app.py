# kit: updated by the template; extend it from app.py
"""Slices become one ASGI application: Starlette's router, and behind it the decision who may call
how often.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Router, WebSocketRoute
from starlette.routing import Route as StarletteRoute
from starlette.types import Lifespan

from service.kit.auth.bearer import Auth
from service.kit.db.errors import Constraints, to_problem
from service.kit.web import idempotency as keys
from service.kit.web import openapi
from service.kit.web.binder import READERS, Binding, Reader
from service.kit.web.idempotency import IdempotencyKey, IdempotencyOptions
from service.kit.web.routes import (
    MOUNT,
    NEEDS_TOKEN,
    PUBLIC,
    WEBSOCKET,
    Access,
    Rate,
    Slice,
    check_access,
)
from service.kit.work import addresses, asgi, metrics
from service.kit.work.problems import Problem

type Kind = Callable[[str, asgi.App], BaseRoute]
type Place = tuple[Kind, str]

LONGEST_PATH = 2000
"""Characters of a path with parameters; the next limit would be that of the digits of an int."""

MOST_CALLERS = 10_000
"""Callers that a worker remembers for one rate, in some 2 MB. The one unheard of for longest is
forgotten first."""

KINDS: Mapping[str, Kind] = {MOUNT: Mount, WEBSOCKET: WebSocketRoute}


class Counts:
    """What each caller has used of a rate: the time at which all of it will have been given
    back.
    """

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.whole_at: dict[str, float] = {}

    def take(self, scope: asgi.Scope) -> None:
        """Count a request. Raises a 429 problem when it is one too many."""
        key = scope["auth"].id if "auth" in scope else addresses.identify_client(scope)
        now, share = time.monotonic(), self.rate.per / self.rate.requests
        whole_at = max(now, self.whole_at.pop(key, now))
        wait = round(whole_at + share - now - self.rate.per, 6)
        self.whole_at[key] = whole_at if wait > 0 else whole_at + share
        if len(self.whole_at) > MOST_CALLERS:
            del self.whole_at[next(iter(self.whole_at))]
        if wait > 0:
            metrics.meters().limited.labels(scope["path_template"]).inc()
            allowed = (
                f"{self.rate.requests:,} requests in {self.rate.per:g} seconds are allowed here"
            )
            retry = {"retry-after": str(ceil(wait))}
            raise Problem(
                429,
                "too-many-requests",
                f"{allowed}. Try again in {ceil(wait)} seconds.",
                headers=retry,
            )


class Endpoint:
    """Everything at one path: `apps` by method, or by MOUNT for all of them, each with who may call
    it how often.
    """

    def __init__(self, template: str, auth: Auth | None) -> None:
        self.template = template
        self.auth = auth
        self.apps: dict[str, tuple[Access | None, Counts | None, asgi.App]] = {}

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        scope["path_template"] = self.template
        found = self.apps.get(scope.get("method", WEBSOCKET)) or self.apps.get(MOUNT)
        if found is None:
            return await self.list_methods(scope)(scope, receive, send)
        access, counts, app = found
        if access is NEEDS_TOKEN and self.auth:
            scope["auth"] = await self.auth.identify(scope["headers"])
        elif access is not PUBLIC:
            raise Problem(403, "forbidden", "Nobody decided who may call this.")
        if counts:
            counts.take(scope)
        await app(scope, receive, send)

    def list_methods(self, scope: asgi.Scope) -> Response:
        """Return the answer to OPTIONS, or refuse a method."""
        allow = {"allow": ", ".join(sorted({*self.apps, "OPTIONS"}))}
        if scope["method"] != "OPTIONS":
            detail = (
                "This path does not answer that method; the header Allow lists what it answers."
            )
            raise Problem(405, "method-not-allowed", detail, headers=allow)
        return Response(status_code=204, headers=allow)


class Application:
    """All endpoints. Raises `Problem` for every error that a client can do something about."""

    def __init__(
        self, endpoints: Mapping[Place, Endpoint], constraints: Constraints, lifespan: Lifespan[Any]
    ) -> None:
        self.constraints = constraints
        self.fixed: dict[str, Endpoint] = {}
        self.patterns: list[tuple[StarletteRoute, Endpoint]] = []
        routes = []
        for (kind, path), endpoint in endpoints.items():
            if kind is not StarletteRoute:
                routes.append(kind(path, endpoint))
            elif "{" in path:
                self.patterns.append((StarletteRoute(path, endpoint), endpoint))
            else:
                self.fixed[path] = endpoint
        self.router = Router(
            routes, redirect_slashes=False, default=self.find_nothing, lifespan=lifespan
        )

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        try:
            await self.find(scope)(scope, receive, send)
        except Exception as error:
            problem = self.explain(error)
            if problem and scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": problem.kind})
            elif problem is None or problem is error:
                raise
            else:
                raise problem from error

    def find(self, scope: asgi.Scope) -> asgi.App:
        """Return what is at a path. Starlette's own router takes three times as long for a route of
        ours.
        """
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if len(path) > LONGEST_PATH:
            raise Problem(414, "too-long", f"A path has at most {LONGEST_PATH:,} characters.")
        if scope["type"] != "http":
            return self.router
        if endpoint := self.fixed.get(path):
            return endpoint
        for route, endpoint in self.patterns:
            if match := route.path_regex.match(path):
                given, convertors = match.groupdict(), route.param_convertors
                scope["path_params"] = {
                    name: convertors[name].convert(text) for name, text in given.items()
                }
                return endpoint
        return self.router

    def explain(self, error: Exception) -> Problem | None:
        """Return what to tell the client of an error, or None for a fault of ours."""
        if isinstance(error, HTTPException):
            kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
            return Problem(error.status_code, kind, error.detail, headers=dict(error.headers or {}))
        return error if isinstance(error, Problem) else to_problem(error, self.constraints)

    async def find_nothing(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer what no route matches. A slash at the end makes no difference."""
        path = scope["path"].rstrip("/")
        if path in ("", scope["path"]):
            raise Problem(404, "not-found", "Nothing is at this path.")
        scope["path"] = path
        await self(scope, receive, send)


def build(
    slices: Sequence[Slice],
    provide: Sequence[object] = (),
    resources: Sequence[AbstractAsyncContextManager[object]] = (),
    idempotency: IdempotencyOptions | None = None,
    auth: Auth | None = None,
    docs: bool | str = False,
) -> asgi.App:
    """Return the application of these slices: an ASGI callable, which raises `Problem` for every
    error.

    What is in `provide` is handed to each function with a parameter of its type. `resources` are
    opened in order before the first request and closed in reverse after the last. With `docs`, the
    API is shown at `/docs`; services that v2.1.0 or an earlier release rendered pass a name, which
    counts as true.

    Raises `AccessError` unless each route says who may call it, and TypeError for a parameter that
    nothing can fill.
    """
    routes = [route for part in slices for route in part.routes]
    check_access(routes, has_auth=auth is not None)
    readers: dict[Any, Reader] = {
        **READERS,
        IdempotencyKey: partial(keys.read_idempotency_key, idempotency or IdempotencyOptions()),
    }
    bindings = [Binding(route, provide, readers) for route in routes if route.method != MOUNT]
    mounts = [(route, route.endpoint) for route in routes if route.method == MOUNT]
    pages = openapi.make_pages(bindings) if docs else []
    endpoints: dict[Place, Endpoint] = {}
    counts = {id(route.limit): Counts(route.limit) for route in routes if route.limit}
    for route, app in [*((binding.route, binding) for binding in bindings), *mounts, *pages]:
        kind = KINDS.get(route.method, StarletteRoute)
        endpoint = endpoints.setdefault((kind, route.path), Endpoint(route.template, auth))
        if route.method in endpoint.apps:
            raise TypeError(f"{route} has two functions")
        endpoint.apps[route.method] = route.access, counts.get(id(route.limit)), app

    @asynccontextmanager
    async def hold_open(_: object) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for resource in resources:
                await stack.enter_async_context(resource)
            yield

    constraints = {name: make for part in slices for name, make in part.constraints.items()}
    return Application(endpoints, constraints, hold_open)
