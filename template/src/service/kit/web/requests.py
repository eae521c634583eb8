# kit: updated by the template; extend it from app.py
"""What handlers declare as parameters, and how a request becomes their values."""

from functools import cache
from typing import Annotated, Any, cast

from litestar import Request, Response
from litestar.constants import RESERVED_KWARGS
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.routes import HTTPRoute

from service.kit import offload
from service.kit.auth import Auth
from service.kit.db import Database
from service.kit.rows import pages
from service.kit.web import bodies, parameters
from service.kit.web.access import needs_token

Db = NamedDependency[Database]
Offload = NamedDependency[offload.Offload]
Limit = Annotated[int, QueryParameter(ge=1, le=pages.MOST, description="How many rows a page holds.")]
Cursor = Annotated[
    str | None, QueryParameter(max_length=512, description="`next` of the page before, all else unchanged.")
]


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded by the kit: exact types, no unknown and no repeated fields."""

    async def json(self) -> Any:
        """Return the body as the type of the handler's `data` parameter."""
        kind = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        return bodies.decode(await self.body(), self.headers.get("content-type", ""), kind)


class Gate:
    """What each request passes before its handler. Without `auth`, nobody is asked for a token."""

    def __init__(self, auth: Auth | None) -> None:
        self.auth = auth

    async def preempt(self, request: Request) -> Response[None] | None:
        """Answer OPTIONS, for which the framework lists one method of several; check the token and the query."""
        if request.method == HttpMethod.OPTIONS:
            return list_methods(request)
        if self.auth is not None and needs_token(request.route_handler):
            request.scope["auth"] = await self.auth.identify(request.scope["headers"])
        if request.scope["query_string"]:
            check_query(request)
        return None


def list_methods(request: Request) -> Response[None]:
    """Return the answer to OPTIONS."""
    route = next(item for item in request.app.routes if request.route_handler in getattr(item, "route_handlers", ()))
    return Response(None, status_code=204, headers={"allow": ", ".join(sorted(cast("HTTPRoute", route).methods))})


def check_query(request: Request) -> None:
    """Refuse parameters that the handler does not have, and values of the wrong type."""
    parameters.check(request.query_params.multi_items(), find_known(request.route_handler, tuple(request.path_params)))


@cache
def find_known(handler: BaseRouteHandler, in_path: tuple[str, ...]) -> dict[str, Any]:
    """Return the types of the parameters that a handler takes from the query, by their names."""
    elsewhere = RESERVED_KWARGS | handler.resolve_dependencies().keys() | set(in_path)
    signature = handler.parsed_fn_signature.parameters
    return {name: definition.annotation for name, definition in signature.items() if name not in elsewhere}
