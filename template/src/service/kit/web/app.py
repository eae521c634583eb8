# kit: updated by the template; extend it from app.py
"""Slices become one ASGI application: Starlette's router, then who may call a route, how often."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Router, WebSocketRoute
from starlette.routing import Route as StarletteRoute

from service.kit.auth.bearer import Auth
from service.kit.db.errors import to_problem
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
    Route,
    Slice,
    check_access,
)
from service.kit.work import addresses, asgi, metrics
from service.kit.work.problems import Problem
from service.kit.work.resources import Resource, open_resources

type RouteClass = Callable[[str, asgi.App], BaseRoute]

MAX_PATH_LENGTH = 2000
"""Characters of a path with parameters; the next limit would be that of the digits of an int."""

MAX_CALLERS = 10_000
"""Callers that a worker remembers for one rate, in some 2 MB. The one unheard of for longest is
forgotten first."""

ROUTE_CLASSES: Mapping[str, RouteClass] = {MOUNT: Mount, WEBSOCKET: WebSocketRoute}


class RateLimit:
    """What each caller has used of a rate: the time at which all of it will be given back."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.whole_at: dict[str, float] = {}

    def take(self, scope: asgi.Scope) -> None:
        """Count a request. Raises a 429 problem when it is one too many."""
        caller = scope["auth"].id if "auth" in scope else addresses.identify_client(scope)
        now = time.monotonic()
        whole_at = max(now, self.whole_at.pop(caller, now))
        share = self.rate.per / self.rate.requests
        wait = round(whole_at + share - now - self.rate.per, 6)
        self.whole_at[caller] = whole_at if wait > 0 else whole_at + share
        if len(self.whole_at) > MAX_CALLERS:
            del self.whole_at[next(iter(self.whole_at))]
        if wait > 0:
            metrics.get_metrics().rate_limited.labels(scope["path_template"]).inc()
            raise self.refuse(ceil(wait))

    def refuse(self, seconds: int) -> Problem:
        rate = f"{self.rate.requests:,} requests in {self.rate.per:g} seconds"
        detail = f"{rate} are allowed here. Try again in {seconds} seconds."
        headers = {"retry-after": str(seconds)}
        return Problem(429, "too-many-requests", detail, headers=headers)


class Endpoint:
    """Everything at one path: `apps` by method, or by MOUNT for all of them.

    Each comes with who may call it, and how often.
    """

    def __init__(self, template: str, auth: Auth | None) -> None:
        self.template = template
        self.auth = auth
        self.apps: dict[str, tuple[Access | None, RateLimit | None, asgi.App]] = {}

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        scope["path_template"] = self.template
        method = scope.get("method", WEBSOCKET)
        found = self.apps.get(method) or self.apps.get(MOUNT)
        if found is None:
            await self.list_methods(method)(scope, receive, send)
            return
        access, limit, app = found
        if access is NEEDS_TOKEN and self.auth:
            scope["auth"] = await self.auth.identify(scope["headers"])
        elif access is not PUBLIC:
            raise Problem(403, "forbidden", "Nobody decided who may call this.")
        if limit:
            limit.take(scope)
        await app(scope, receive, send)

    def list_methods(self, method: str) -> Response:
        """Return the answer to OPTIONS, or refuse a method."""
        allow = {"allow": ", ".join(sorted({*self.apps, "OPTIONS"}))}
        if method == "OPTIONS":
            return Response(status_code=204, headers=allow)
        detail = "This path does not answer that method; the header Allow lists what it answers."
        raise Problem(405, "method-not-allowed", detail, headers=allow)


class Application:
    """All endpoints. Raises `Problem` for every error that a client can do something about."""

    def __init__(
        self,
        endpoints: Mapping[tuple[RouteClass, str], Endpoint],
        slices: Iterable[Slice],
        resources: Sequence[Resource],
    ) -> None:
        self.constraints = {
            name: make for part in slices for name, make in part.constraints.items()
        }
        self.fixed: dict[str, Endpoint] = {}
        self.patterns: list[tuple[StarletteRoute, Endpoint]] = []
        others: list[BaseRoute] = []
        for (route_class, path), endpoint in endpoints.items():
            if route_class is not StarletteRoute:
                others.append(route_class(path, endpoint))
            elif "{" in path:
                self.patterns.append((StarletteRoute(path, endpoint), endpoint))
            else:
                self.fixed[path] = endpoint
        self.router = Router(
            others,
            redirect_slashes=False,
            default=self.answer_unmatched,
            lifespan=lambda _: open_resources(resources),
        )

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        try:
            app = self.find_endpoint(scope)
            await app(scope, receive, send)
        except Exception as error:
            problem = self.make_problem(error)
            if problem and scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": problem.kind})
                return
            if problem is None or problem is error:
                raise
            raise problem from error

    def find_endpoint(self, scope: asgi.Scope) -> asgi.App:
        """Return what is at a path.

        Starlette's own router takes three times as long for a route of ours.
        """
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if len(path) > MAX_PATH_LENGTH:
            raise Problem(414, "too-long", f"A path has at most {MAX_PATH_LENGTH:,} characters.")
        if scope["type"] != "http":
            return self.router
        if endpoint := self.fixed.get(path):
            return endpoint
        for route, endpoint in self.patterns:
            match = route.path_regex.match(path)
            if match:
                convertors = route.param_convertors
                scope["path_params"] = {
                    name: convertors[name].convert(text) for name, text in match.groupdict().items()
                }
                return endpoint
        return self.router

    def make_problem(self, error: Exception) -> Problem | None:
        """Return what a client gets for an error, or None for a fault of ours."""
        if isinstance(error, Problem):
            return error
        if isinstance(error, HTTPException):
            kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
            headers = dict(error.headers or {})
            return Problem(error.status_code, kind, error.detail, headers=headers)
        return to_problem(error, self.constraints)

    async def answer_unmatched(
        self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        """Answer 404 where no route matches. A slash at the end makes no difference."""
        path = scope["path"].rstrip("/")
        if path in ("", scope["path"]):
            raise Problem(404, "not-found", "Nothing is at this path.")
        scope["path"] = path
        await self(scope, receive, send)


def build(
    slices: Sequence[Slice],
    provide: Sequence[object] = (),
    resources: Sequence[Resource] = (),
    idempotency: IdempotencyOptions | None = None,
    auth: Auth | None = None,
    docs: bool | str = False,
) -> asgi.App:
    """Return the application of these slices: an ASGI callable, which raises `Problem` on errors.

    What is in `provide` is handed to each function with a parameter of its type. `resources` are
    opened in order before the first request and closed in reverse after the last. With `docs`, the
    API is shown at `/docs`; services that v2.1.0 or an earlier release rendered pass a name, which
    counts as true.

    Raises `AccessError` unless each route says who may call it, and TypeError for a parameter that
    nothing can fill.
    """
    routes = [route for part in slices for route in part.routes]
    check_access(routes, has_auth=auth is not None)
    read_key = partial(keys.read, idempotency or IdempotencyOptions())
    readers: dict[Any, Reader] = {**READERS, IdempotencyKey: read_key}
    bindings = [Binding(route, provide, readers) for route in routes if route.method != MOUNT]
    apps: list[tuple[Route, asgi.App]] = [(binding.route, binding) for binding in bindings]
    apps += [(route, route.endpoint) for route in routes if route.method == MOUNT]
    if docs:
        apps += openapi.make_pages(bindings)
    return Application(make_endpoints(apps, auth), slices, resources)


def make_endpoints(
    apps: Sequence[tuple[Route, asgi.App]], auth: Auth | None
) -> dict[tuple[RouteClass, str], Endpoint]:
    """Return what is at each path. Routes with one rate object share its count."""
    endpoints: dict[tuple[RouteClass, str], Endpoint] = {}
    limits: dict[int, RateLimit] = {}
    for route, app in apps:
        route_class = ROUTE_CLASSES.get(route.method, StarletteRoute)
        endpoint = endpoints.setdefault((route_class, route.path), Endpoint(route.template, auth))
        if route.method in endpoint.apps:
            raise TypeError(f"{route} has two functions")
        limit = None
        if route.limit:
            limit = limits.setdefault(id(route.limit), RateLimit(route.limit))
        endpoint.apps[route.method] = route.access, limit, app
    return endpoints
