# kit: updated by the template; extend it from app.py
"""Who may call a route. Each route decides, by `opt` of its handler or router, or the service does not start."""

from collections.abc import Iterable, Iterator

from litestar import Litestar, Request
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from service.kit.auth import bearer

NEEDS_TOKEN = {"access": "token"}
PUBLIC = {"access": "public"}

Caller = NamedDependency[bearer.Caller]


class AccessError(Exception):
    """Routes for which nobody decided who may call them. The message names each, and what to write."""


def read_caller(request: Request) -> bearer.Caller:
    """Return who sends the request, as its token said."""
    return request.scope["auth"]


provide_caller = Provide(read_caller, sync_to_thread=False)


def needs_token(handler: HTTPRouteHandler) -> bool:
    """Return whether only the bearer of a token may call a handler."""
    return handler.opt.get("access") == "token"


def list_handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Yield the method, the path and the handler of everything that can be asked for."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if method != HttpMethod.OPTIONS:
                    yield str(method), route.path_format, handler


def check(app: Litestar, is_checked: bool) -> None:
    """Raise `AccessError` unless each route says who may call it, and can be held to that.

    Where no token is checked, no route has to say anything, and none may need a token.
    """
    find = find_undecided if is_checked else find_unchecked
    faults = [f"{method} {path}: {fault}" for method, path, handler in list_handlers(app) for fault in find(handler)]
    if faults:
        raise AccessError("\n".join(["who may call these routes?", *sorted(faults)]))


def find_unchecked(handler: HTTPRouteHandler) -> Iterable[str]:
    """Yield what is wrong with a handler where no token is checked."""
    if needs_token(handler):
        yield "it needs a token, and `http.build` has no `auth` to check it with"


def find_undecided(handler: HTTPRouteHandler) -> Iterable[str]:
    """Yield what is wrong with the decision of a handler."""
    if handler.opt.get("access") not in ("token", "public"):
        yield "give the handler or its router `opt=http.NEEDS_TOKEN`, or `opt=http.PUBLIC`"
    elif "caller" in handler.parsed_fn_signature.parameters and not needs_token(handler):
        yield "it asks for `caller`, so it needs `opt=http.NEEDS_TOKEN`"
