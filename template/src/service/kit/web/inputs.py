# kit: updated by the template; extend it from app.py
"""What the functions of a route are given of a request, by the names and types of parameters."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.websockets import WebSocket

from service.kit.auth.bearer import Caller
from service.kit.edge.events import LastEventId, read_last_event_id
from service.kit.web.access import OPTIONAL_TOKEN, PUBLIC, AccessError
from service.kit.web.request import CheckedRequest
from service.kit.web.routes import PATH_PARAMETER, Route
from service.kit.work.arguments import Binder, Provided, Reader, split_none

type Readers = Mapping[Any, Reader]

READERS: Readers = {
    LastEventId: read_last_event_id,
    Request: CheckedRequest,
    WebSocket: WebSocket,
}
"""How to read what the function of any route may ask for, by its type."""

PROVIDER_READERS: Readers = {Request: lambda scope, *_: Request(scope)}
"""The same for providers and checks. Their request has no body: it belongs to the route."""

CONVERTED = {"": str, "str": str, "path": str, "int": int, "float": float, "uuid": UUID}
"""The type that Starlette converts a path parameter to, by what follows its name."""


class Inputs:
    """The inputs of a route. `path` has the path parameters that its functions ask for."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.converters = dict(PATH_PARAMETER.findall(route.path))
        self.path: dict[str, Any] = {}

    def make_binder(self, provided: Provided) -> Binder:
        """Return what binds the providers and the check of the route."""
        return Binder(provided, partial(self.find_reader, PROVIDER_READERS))

    def find_reader(self, readers: Readers, name: str, hint: Any) -> Reader | None:
        """Return what reads an argument from a request. Raises TypeError."""
        kind, is_optional = split_none(hint)
        if name in self.converters:
            self.check_converter(name, kind)
            self.path[name] = hint
            return lambda scope, *_: scope["path_params"][name]
        if kind is not Caller:
            return readers.get(kind)
        self.check_caller(is_optional=is_optional)
        if is_optional:
            return lambda scope, *_: scope.get("auth")
        return lambda scope, *_: scope["auth"]

    def check_converter(self, name: str, kind: Any) -> None:
        if CONVERTED.get(self.converters[name], kind) is not kind:
            examples = f"{{{name}:uuid}} or {{{name}:int}}"
            raise TypeError(f"write its type into the path as well, like {examples}")

    def check_caller(self, *, is_optional: bool) -> None:
        """Raise AccessError unless a caller is known where one is asked for."""
        if self.route.level is PUBLIC:
            advice = "give it `access=NEEDS_TOKEN`, or OPTIONAL_TOKEN for a `Caller | None`"
            raise AccessError(f"nobody is known on a public route; {advice}")
        if self.route.level is OPTIONAL_TOKEN and not is_optional:
            raise AccessError("the token is optional; write `Caller | None`")
