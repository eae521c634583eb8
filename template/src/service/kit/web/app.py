# kit: updated by the template; extend it from app.py
"""Builds an ASGI application of the slices: finds routes, checks access, and limits rates."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Router, WebSocketRoute
from starlette.routing import Route as StarletteRoute
from starlette.websockets import WebSocketDisconnect

from service.kit.auth.bearer import Auth
from service.kit.db.database import Database
from service.kit.db.errors import to_problem
from service.kit.edge.edge import Edge
from service.kit.web import idempotency as keys
from service.kit.web import pages
from service.kit.web.access import NEEDS_TOKEN, OPTIONAL_TOKEN, PUBLIC, Access
from service.kit.web.binder import Binding, bind_check
from service.kit.web.idempotency import IdempotencyKey, IdempotencyOptions
from service.kit.web.problem_format import ProblemFormat, ShowProblem
from service.kit.web.rates import RateLimit
from service.kit.web.routes import MOUNT, WEBSOCKET, Rate, Route, Slice, check_access
from service.kit.work.arguments import Call, Provided
from service.kit.work.asgi import App, Receive, Scope, Send
from service.kit.work.problems import EncodeProblem, Problem, make_details
from service.kit.work.resources import Resource, open_resources

type RouteClass = Callable[[str, App], BaseRoute]
type EndpointKey = tuple[RouteClass, str]
"""The kind of a route, and its path."""

MAX_PATH_LENGTH = 2000
"""Maximum characters of a path: a number of over 4,300 digits would be an error in `int`."""

ROUTE_CLASSES: Mapping[str, RouteClass] = {MOUNT: Mount, WEBSOCKET: WebSocketRoute}


class Operation(NamedTuple):
    """One method of one path: who may call it, how often, and what answers.

    `check` decides on the bearers of tokens.
    """

    access: Access | None
    limit: RateLimit | None
    app: App
    check: Call | None = None
    max_bytes: int | None = None
    """The maximum size of an upload; 0 is the default, and None if it takes none."""


class Endpoint:
    """Everything at one path: `operations` by method, or by MOUNT for all of them."""

    def __init__(self, template: str, auth: Auth | None) -> None:
        self.template = template
        self.auth = auth
        self.operations: dict[str, Operation] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_template"] = self.template
        method = scope.get("method", WEBSOCKET)
        operation = self.operations.get(method) or self.operations.get(MOUNT)
        if operation is None:
            response = self.list_methods(method)
            await response(scope, receive, send)
            return
        access, limit, app, check, _ = operation
        if access is NEEDS_TOKEN and self.auth:
            scope["auth"] = await self.auth.identify(scope["headers"])
        elif access is OPTIONAL_TOKEN and self.auth:
            caller = await self.auth.identify_optional(scope["headers"])
            if caller:
                scope["auth"] = caller
        elif access is not PUBLIC:
            raise Problem(403, "forbidden", "Nobody decided who may call this.")
        if limit:
            await limit.take(scope)
        if check and await check.run(scope, receive, send) is not True:
            raise Problem(403, "forbidden", "The bearer of this token may not do this.")
        await app(scope, receive, send)

    def list_methods(self, method: str) -> Response:
        """Return the answer to OPTIONS, or refuse a method."""
        methods = sorted({*self.operations, "OPTIONS"})
        allow = {"allow": ", ".join(methods)}
        if method == "OPTIONS":
            return Response(status_code=204, headers=allow)
        detail = "This path does not answer that method; the header Allow lists what it answers."
        raise Problem(405, "method-not-allowed", detail, headers=allow)


class Application:
    """All endpoints. Raises `Problem` for every error that a client can do something about.

    The edge sends them.
    """

    def __init__(
        self,
        endpoints: Mapping[EndpointKey, Endpoint],
        slices: Iterable[Slice],
        resources: Sequence[Resource],
        encode_problem: EncodeProblem,
    ) -> None:
        self.encode_problem = encode_problem
        self.constraints = {**keys.CONSTRAINTS}
        for part in slices:
            self.constraints.update(part.constraints)
        self.takes_uploads = False
        self.fixed: dict[str, Endpoint] = {}
        self.patterns: list[tuple[StarletteRoute, Endpoint]] = []
        others: list[BaseRoute] = []
        for (route_class, path), endpoint in endpoints.items():
            for operation in endpoint.operations.values():
                self.takes_uploads |= operation.max_bytes is not None
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            app = self.find_endpoint(scope)
            await app(scope, receive, send)
        except WebSocketDisconnect:
            return  # the client left while the function waited for it
        except Exception as error:
            problem = self.make_problem(error)
            if problem is None or problem is error:
                raise
            raise problem from error

    def find_endpoint(self, scope: Scope) -> App:
        """Return the application for the path of a request.

        Starlette's own router takes three times as long for a route of ours.
        """
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if len(path) > MAX_PATH_LENGTH:
            raise Problem(414, "too-long", f"A path has at most {MAX_PATH_LENGTH:,} characters.")
        if scope["type"] != "http":
            if "edge" in scope:
                self.instruct_edge(scope["edge"])
            return self.router
        if endpoint := self.fixed.get(path):
            return endpoint
        for route, endpoint in self.patterns:
            match = route.path_regex.match(path)
            if match:
                params = match.groupdict()
                for name, convertor in route.param_convertors.items():
                    params[name] = convertor.convert(params[name])
                scope["path_params"] = params
                return endpoint
        return self.router

    def instruct_edge(self, edge: Edge) -> None:
        """Tell the edge, at start, what it cannot know. Layers of the team may be between."""
        edge.shape_problems(self.encode_problem)
        if self.takes_uploads:
            edge.uploads.find_limit = self.find_upload_limit

    def find_upload_limit(self, scope: Scope, default: int) -> int | None:
        """Return the maximum size of an upload, or None if the route of a request takes none."""
        endpoint = self.find_endpoint({**scope})
        if endpoint is self.router:
            endpoint = self.find_endpoint({**scope, "path": scope["path"].rstrip("/")})
        if not isinstance(endpoint, Endpoint):
            return None
        operation = endpoint.operations.get(scope["method"])
        if operation is None or operation.max_bytes is None:
            return None
        return operation.max_bytes or default

    def make_problem(self, error: Exception) -> Problem | None:
        """Return what a client gets for an error, or None for a fault of ours."""
        if isinstance(error, Problem):
            return error
        if isinstance(error, HTTPException):
            phrase = HTTPStatus(error.status_code).phrase
            kind = phrase.lower().replace(" ", "-")
            headers = dict(error.headers or {})
            return Problem(error.status_code, kind, error.detail, headers=headers)
        return to_problem(error, self.constraints)

    async def answer_unmatched(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404 where no route matches. A slash at the end makes no difference."""
        path = scope["path"].rstrip("/")
        if (b"upgrade", b"websocket") in scope["headers"] and scope["type"] == "http":
            raise Problem(501, "no-websockets", "Set SERVER_WEBSOCKETS=true to take WebSockets.")
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
    problem: ShowProblem = make_details,
) -> App:
    """Return the application of these slices: an ASGI callable, which raises `Problem` on errors.

    Each object in `provide` is passed to functions with a parameter of its type. A function in it
    is a provider: what it returns, for each request that needs it and once for each, is passed to
    functions with a parameter of the type that it returns. It may ask for what app.py provides,
    `Caller`, Starlette's `Request` without the body, and path parameters. `resources` are opened
    in order before the first request and closed in reverse after the last. With `docs`, the API is
    shown at `/docs`; services that v2.1.0 or an earlier release rendered pass a name, which counts
    as true. `problem` decides how errors look: `problem_format.py` says how.

    Raises `AccessError` unless each route says who may call it, and TypeError for a parameter that
    nothing can fill.
    """
    routes: list[Route] = []
    for part in slices:
        routes += part.routes
    check_access(routes, has_auth=auth is not None)
    read_key = partial(keys.read_idempotency_key, idempotency or IdempotencyOptions())
    readers = {IdempotencyKey: read_key}
    provided = Provided(provide)
    if auth and not provided.find(Auth):
        provided.objects.append(auth)
    bindings = [Binding(route, provided, readers) for route in routes if route.method != MOUNT]
    apps: list[tuple[Route, App]] = [(binding.route, binding) for binding in bindings]
    apps += [(route, route.endpoint) for route in routes if route.method == MOUNT]
    problems = ProblemFormat(problem)
    if docs:
        apps += pages.make_pages(bindings, problems, auth.scheme if auth else "")
    endpoints = make_endpoints(apps, auth, provided)
    return Application(endpoints, slices, resources, problems.encode)


def make_endpoints(
    apps: Sequence[tuple[Route, App]], auth: Auth | None, provided: Provided
) -> dict[EndpointKey, Endpoint]:
    """Return what is at each path. Routes with one rate object share its count."""
    endpoints: dict[EndpointKey, Endpoint] = {}
    limits: dict[int, RateLimit] = {}
    for route, app in apps:
        route_class = ROUTE_CLASSES.get(route.method, StarletteRoute)
        new = Endpoint(route.template, auth)
        endpoint = endpoints.setdefault((route_class, route.path), new)
        if route.method in endpoint.operations:
            raise TypeError(f"{route} has two functions")
        limit = None
        if route.limit:
            if id(route.limit) not in limits:
                limits[id(route.limit)] = make_limit(route, route.limit, provided)
            limit = limits[id(route.limit)]
        check = bind_check(route, provided)
        max_bytes = app.max_bytes if isinstance(app, Binding) else None
        operation = Operation(route.level, limit, app, check, max_bytes)
        endpoint.operations[route.method] = operation
    return endpoints


def make_limit(route: Route, rate: Rate, provided: Provided) -> RateLimit:
    """Return the count of a rate, in this worker or over all of them. `route` is its first one."""
    if not rate.shared:
        return RateLimit(rate)
    for db in provided.find(Database):
        if isinstance(db, Database):
            return RateLimit(rate, db, str(route))
    raise TypeError(f"{route} has a shared rate: give `web.build` a `Database` in `provide`")
