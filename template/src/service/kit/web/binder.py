# kit: updated by the template; extend it from app.py
"""Makes an ASGI application of a route's function: reads its arguments, and sends its result.

Where arguments come from is decided once, at start. Results become JSON, encoded once, unless they
send themselves.
"""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.websockets import WebSocket

from service.kit.auth.bearer import Caller
from service.kit.edge.events import LastEventId, read_last_event_id
from service.kit.rows.listing import Page, make_link_header
from service.kit.web.body import Body
from service.kit.web.mismatches import is_struct, unwrap_type
from service.kit.web.query_string import QueryString
from service.kit.web.request import CheckedRequest
from service.kit.web.routes import PATH_PARAMETER, PUBLIC, AccessError, Route
from service.kit.web.socket import Socket
from service.kit.work.asgi import App, Receive, Scope, Send
from service.kit.work.limits import charge
from service.kit.work.resources import find_provided
from service.kit.work.times import WHOLE_SECOND, write_whole_seconds

type Reader = Callable[[Scope, Receive, Send], object]

READERS: Mapping[Any, Reader] = {
    Caller: lambda scope, _, __: scope["auth"],
    LastEventId: read_last_event_id,
    Request: CheckedRequest,
    WebSocket: WebSocket,
}
"""How to read what any function may ask for, by its type."""

CONVERTED = {"": str, "str": str, "path": str, "int": int, "float": float, "uuid": UUID}
"""The type that Starlette converts a path parameter to, by what follows its name."""

ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Reply[Result]:
    """A result with a status and headers of its own. Without a status it has that of its route."""

    body: Result
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def created[Result](body: Result, location: str) -> Reply[Result]:
    """Return a 201 reply for something new, which can be read at `location`."""
    return Reply(body, 201, {"Location": location})


class Binding:
    """A route's function as an ASGI application.

    Raises TypeError for a parameter that nothing can fill.
    """

    def __init__(
        self, route: Route, provided: Sequence[object], readers: Mapping[Any, Reader]
    ) -> None:
        self.route = route
        self.readers: dict[str, Reader] = {}
        self.fixed: dict[str, object] = {}
        self.path: dict[str, Any] = {}
        self.query = QueryString()
        self.body: tuple[str, Body[Any]] | None = None
        self.converters = dict(PATH_PARAMETER.findall(route.path))
        function = route.endpoint
        where = f"{route}, {function.__module__}.{function.__qualname__}"
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"{where}: make it an async function")
        hints = get_type_hints(function, include_extras=True)
        for parameter in inspect.signature(function).parameters.values():
            hint = hints.get(parameter.name, Any)
            try:
                self.bind(parameter, hint, provided, readers)
            except (TypeError, AccessError) as error:
                raise type(error)(f"{where}, parameter `{parameter}`: {error}") from None
        missing = self.converters.keys() - self.path.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise TypeError(f"{where}: its path has {names}, so add parameters of these names")
        self.function = partial(function, **self.fixed)
        self.result = hints.get("return", Any)
        if get_origin(self.result) is Reply:
            [self.result] = get_args(self.result)

    def bind(
        self,
        parameter: inspect.Parameter,
        hint: Any,
        provided: Sequence[object],
        readers: Mapping[Any, Reader],
    ) -> None:
        """Decide where the argument of one parameter comes from."""
        name = parameter.name
        kind = unwrap_type(hint)
        offers = find_provided(get_origin(kind) or kind, provided)
        if name in self.converters:
            self.bind_path(name, hint)
        elif kind is Caller and self.route.access is PUBLIC:
            raise AccessError("nobody is known on a public route; give it `access=NEEDS_TOKEN`")
        elif kind in readers:
            self.readers[name] = readers[kind]
        elif get_origin(kind) is Socket:
            self.readers[name] = partial(Socket, get_args(kind)[0])
        elif len(offers) == 1:
            self.fixed[name] = offers[0]
        elif offers:
            raise TypeError(f"app.py provides {len(offers)} of them; give each a class of its own")
        elif getattr(kind, "__query__", False):
            self.query.add_filter(name, kind)
        elif is_body(kind):
            if self.body:
                raise TypeError(f"`{self.body[0]}` is its body already")
            self.body = name, Body(hint)
        elif is_described(hint):
            is_required = parameter.default is parameter.empty
            self.query.add(name, hint, is_required, parameter.default)
        else:
            raise TypeError("nothing is of this type; add it to what app.py provides")

    def bind_path(self, name: str, hint: Any) -> None:
        kind = unwrap_type(hint)
        if CONVERTED.get(self.converters[name], kind) is not kind:
            examples = f"{{{name}:uuid}} or {{{name}:int}}"
            raise TypeError(f"write its type into the path as well, like {examples}")
        self.path[name] = hint
        self.readers[name] = lambda scope, _, __: scope["path_params"][name]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        values = {name: read(scope, receive, send) for name, read in self.readers.items()}
        if scope["query_string"] or self.query.parameters:
            values |= self.query.read(scope["query_string"])
        if self.body:
            name, body = self.body
            values[name] = await body.read(scope, receive)
        result = await self.function(**values)
        if scope["type"] != "http":
            return
        if callable(result):  # an ASGI application, like a response of Starlette, sends itself
            app = cast("App", result)
            await app(scope, receive, send)
        else:
            await self.send_result(result, scope, send)

    async def send_result(self, result: Any, scope: Scope, send: Send) -> None:
        """Send what the function returned: as JSON, or without a body if it is None."""
        status = None
        fields: dict[bytes, bytes] = {}
        if isinstance(result, Reply):
            status = result.status
            for name, value in result.headers.items():
                fields[name.lower().encode()] = value.encode("latin-1")
            result = result.body
        status = status or choose_status(self.route, has_body=result is not None)
        body = b""
        if result is not None:
            fields.setdefault(b"content-type", b"application/json")
            body = encode(result)
        if isinstance(result, Page) and result.next:
            query = scope["query_string"].decode("latin-1")
            fields[b"link"] = make_link_header(query, result.next).encode()
        respond = getattr(send, "respond", None)
        if respond:  # the edge takes all of it in one call
            await respond(status, body, fields)
            return
        headers = [*fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def choose_status(route: Route, *, has_body: bool) -> int:
    if route.status:
        return route.status
    if not has_body:
        return 204
    return 201 if route.method == "POST" else 200


def encode(body: object) -> bytes:
    """Return a result as JSON. The time is charged to the request."""
    started = time.perf_counter()
    encoded = ENCODER.encode(body)
    if WHOLE_SECOND.search(encoded):
        encoded = ENCODER.encode(write_whole_seconds(body))
    charge("encoding", started)
    return encoded


def is_body(kind: Any) -> bool:
    """Return whether a parameter of a type is the JSON body: a struct, a list or a dict."""
    base = get_origin(kind) or kind
    parts = [kind, *get_args(kind)]
    return base in (list, dict) or any(is_struct(part) for part in parts)


def is_described(hint: Any) -> bool:
    """Return whether msgspec can decode and describe values of a type."""
    try:
        msgspec.json.schema(hint)
    except TypeError:
        return False
    return True
