# kit: updated by the template; extend it from app.py
"""A route's function as an ASGI application: where its arguments come from, decided once, and how
its result is sent.

Results become JSON, encoded once, unless they can send themselves.
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
from service.kit.web.body import Body, is_struct, unwrap_type
from service.kit.web.query_string import QueryString
from service.kit.web.request import CheckedRequest
from service.kit.web.routes import PATH_PARAMETER, PUBLIC, AccessError, Route
from service.kit.work import asgi, responses
from service.kit.work.context import charge

type Reader = Callable[[asgi.Scope, asgi.Receive, asgi.Send], object]

READERS: Mapping[Any, Reader] = {
    Caller: lambda scope, _, __: scope["auth"],
    LastEventId: read_last_event_id,
    Request: CheckedRequest,
    WebSocket: WebSocket,
}
"""What any function may ask for by its type."""

CONVERTED = {"": str, "str": str, "path": str, "int": int, "float": float, "uuid": UUID}
"""What Starlette makes of a path parameter, by what follows its name."""

ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Reply[Result]:
    """A result with a status and headers of its own. Without a status it has that of its route."""

    body: Result
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def created[Result](body: Result, location: str) -> Reply[Result]:
    """Return the reply 201 for what can be read at `location` from now on."""
    return Reply(body, 201, {"Location": location})


class Binding:
    """A route's function as an ASGI application. Raises TypeError for a parameter that nothing can
    fill.
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
        where = f"{route}, {route.endpoint.__module__}.{route.endpoint.__qualname__}"
        if not inspect.iscoroutinefunction(route.endpoint):
            raise TypeError(f"{where}: make it an async function")
        hints = get_type_hints(route.endpoint, include_extras=True)
        for parameter in inspect.signature(route.endpoint).parameters.values():
            try:
                self.bind(parameter, hints.get(parameter.name, Any), provided, readers)
            except (TypeError, AccessError) as error:
                raise type(error)(f"{where}, parameter `{parameter}`: {error}") from None
        if missing := {name for name, _ in PATH_PARAMETER.findall(route.path)} - self.path.keys():
            raise TypeError(
                f"{where}: its path has {', '.join(sorted(missing))}, so add parameters of these names"
            )
        self.function = partial(route.endpoint, **self.fixed)
        result = hints.get("return", Any)
        self.result = get_args(result)[0] if get_origin(result) is Reply else result

    def bind(
        self,
        parameter: inspect.Parameter,
        hint: Any,
        provided: Sequence[object],
        readers: Mapping[Any, Reader],
    ) -> None:
        """Decide where the argument of one parameter comes from."""
        name, kind = parameter.name, unwrap_type(hint)
        base = get_origin(kind) or kind
        offers = [
            item
            for item in provided
            if isinstance(base, type) and base is not Any and isinstance(item, base)
        ]
        in_path = dict(PATH_PARAMETER.findall(self.route.path))
        if name in in_path:
            if CONVERTED.get(in_path[name], kind) is not kind:
                raise TypeError(
                    f"write its type into the path as well, like {{{name}:uuid}} or {{{name}:int}}"
                )
            self.path[name] = hint
            self.readers[name] = lambda scope, _, __: scope["path_params"][name]
        elif kind is Caller and self.route.access is PUBLIC:
            raise AccessError("nobody is known on a public route; give it `access=NEEDS_TOKEN`")
        elif kind in readers:
            self.readers[name] = readers[kind]
        elif len(offers) == 1:
            self.fixed[name] = offers[0]
        elif offers:
            raise TypeError(f"app.py provides {len(offers)} of them; give each a class of its own")
        elif getattr(kind, "__query__", False):
            self.query.add_filter(name, kind)
        elif base in (list, dict) or any(is_struct(part) for part in (kind, *get_args(kind))):
            if self.body:
                raise TypeError(f"`{self.body[0]}` is its body already")
            self.body = name, Body(hint)
        elif is_described(hint):
            self.query.add(name, hint, parameter.default is parameter.empty, parameter.default)
        else:
            raise TypeError("nothing is of this type; add it to what app.py provides")

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        values = {name: read(scope, receive, send) for name, read in self.readers.items()}
        if scope["query_string"] or self.query.parameters:
            values |= self.query.read(scope["query_string"])
        if self.body:
            values[self.body[0]] = await self.body[1].read(scope, receive)
        result = await self.function(**values)
        if scope["type"] == "http":
            await send_result(result, self.route, scope, receive, send)


def choose_status(route: Route, *, has_body: bool) -> int:
    return route.status or (204 if not has_body else 201 if route.method == "POST" else 200)


def encode(body: object) -> bytes:
    """Return a result as JSON, on the account of the request."""
    began = time.perf_counter()
    encoded = ENCODER.encode(body)
    charge("encoding", began)
    return encoded


async def send_result(
    result: Any, route: Route, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
) -> None:
    """Send what a function returned. An ASGI application, like a response of Starlette, sends
    itself.
    """
    if callable(result):
        return await cast("asgi.App", result)(scope, receive, send)
    status, fields = None, {}
    if isinstance(result, Reply):
        fields = {
            name.lower().encode(): value.encode("latin-1") for name, value in result.headers.items()
        }
        status, result = result.status, result.body
    status = status or choose_status(route, has_body=result is not None)
    if result is None:
        await send({"type": "http.response.start", "status": status, "headers": [*fields.items()]})
        return await send({"type": "http.response.body", "body": b""})
    if isinstance(result, Page) and result.next:
        fields[b"link"] = make_link_header(
            scope["query_string"].decode("latin-1"), result.next
        ).encode()
    media_type = fields.pop(b"content-type", b"application/json")
    await responses.respond(send, status, encode(result), media_type, fields)


def is_described(hint: Any) -> bool:
    """Return whether msgspec can make and describe values of a type."""
    try:
        msgspec.json.schema(hint)
    except TypeError:
        return False
    return True
