# kit: updated by the template; extend it from app.py
"""Where the arguments of a route's function come from: decided once, by the types of its parameters."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import unquote_plus
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.websockets import WebSocket

from service.kit.auth import Caller
from service.kit.edge import InvalidField, LastEventId, asgi, read_last_id
from service.kit.web.body import Body, cut, find_fault, is_struct, refuse, unwrap
from service.kit.web.replies import ENCODER, Reply, send_result
from service.kit.web.routes import PARAMETER, PUBLIC, AccessError, Route

type Reader = Callable[[asgi.Scope, asgi.Receive, asgi.Send], object]

READERS: Mapping[Any, Reader] = {
    Caller: lambda scope, _, __: scope["auth"],
    LastEventId: read_last_id,
    Request: Request,
    WebSocket: WebSocket,
}
"""What any function may ask for by its type."""

CONVERTED = {"": str, "str": str, "path": str, "int": int, "float": float, "uuid": UUID}
"""What Starlette makes of a path parameter, by what follows its name."""


class Parameter(NamedTuple):
    """One parameter of a query string."""

    hint: Any
    required: bool
    default: object
    decoder: msgspec.json.Decoder[Any]


class Query:
    """The query string of a route: its parameters by name, and the filters that some of them are the fields of."""

    def __init__(self) -> None:
        self.parameters: dict[str, Parameter] = {}
        self.filters: dict[str, tuple[type[msgspec.Struct], dict[str, str]]] = {}

    def add(self, name: str, hint: Any, required: bool, default: object) -> None:
        if name in self.parameters:
            raise TypeError(f"two parameters of its query are called {name}")
        self.parameters[name] = Parameter(hint, required, default, msgspec.json.Decoder(hint, strict=False))

    def add_filter(self, name: str, kind: Any) -> None:
        fields = msgspec.structs.fields(kind)
        self.filters[name] = kind, {field.encode_name: field.name for field in fields}
        for field in fields:
            self.add(field.encode_name, field.type, field.required, field.default)

    def read(self, query_string: bytes) -> dict[str, object]:
        """Return the arguments that are given. Raises a 422 problem that names each unacceptable parameter."""
        values: dict[str, object] = {}
        faults: list[InvalidField] = []
        for name, text in split(query_string.decode("latin-1")):
            if (parameter := self.parameters.get(name)) is None:
                known = ", ".join(sorted(self.parameters)) or "none"
                faults.append(InvalidField(cut(name), f"there is no such parameter; known are {known}"))
            elif name in values:
                faults.append(InvalidField(name, "it is given twice"))
            else:
                values[name], fault = convert(text, parameter.decoder)
                faults += [InvalidField(name, fault)] if fault else []
        missing = (name for name, parameter in self.parameters.items() if parameter.required and name not in values)
        faults += [InvalidField(name, "it is required") for name in missing]
        if faults:
            raise refuse(faults)
        for filter_name, (kind, fields) in self.filters.items():
            values[filter_name] = kind(**{field: values.pop(name) for name, field in fields.items() if name in values})
        return values


def split(query_string: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a query string, in a third of the time of `parse_qsl`."""
    decode = unquote_plus if "%" in query_string or "+" in query_string else str
    for part in query_string.split("&"):
        if part:
            name, _, text = part.partition("=")
            yield decode(name), decode(text)


def convert(text: str, decoder: msgspec.json.Decoder[Any]) -> tuple[object, str | None]:
    """Return a value of a query string as its type, and what is wrong with it.

    What msgspec converts leniently is refused: the client may have meant something else.
    """
    try:
        value = decoder.decode(ENCODER.encode(text))
    except msgspec.ValidationError as error:
        return None, str(error)
    match value:
        case None:
            return value, "leave the parameter out instead"
        case bool() if text not in ("true", "false"):
            return value, "it must be true or false"
        case datetime() if "T" not in text.upper() and " " not in text:
            return value, "it must be a time like 2026-01-31T09:30:00Z"
    return value, find_fault(value)


class Binding:
    """A route's function as an ASGI application. Raises TypeError for a parameter that nothing can fill."""

    def __init__(self, route: Route, provided: Sequence[object], readers: Mapping[Any, Reader]) -> None:
        self.route = route
        self.readers: dict[str, Reader] = {}
        self.fixed: dict[str, object] = {}
        self.path: dict[str, Any] = {}
        self.query = Query()
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
        if missing := {name for name, _ in PARAMETER.findall(route.path)} - self.path.keys():
            raise TypeError(f"{where}: its path has {', '.join(sorted(missing))}, so add parameters of these names")
        self.function = partial(route.endpoint, **self.fixed)
        result = hints.get("return", Any)
        self.result = get_args(result)[0] if get_origin(result) is Reply else result

    def bind(
        self, parameter: inspect.Parameter, hint: Any, provided: Sequence[object], readers: Mapping[Any, Reader]
    ) -> None:
        """Decide where the argument of one parameter comes from."""
        name, kind = parameter.name, unwrap(hint)
        base = get_origin(kind) or kind
        offers = [item for item in provided if isinstance(base, type) and base is not Any and isinstance(item, base)]
        in_path = dict(PARAMETER.findall(self.route.path))
        if name in in_path:
            if CONVERTED.get(in_path[name], kind) is not kind:
                raise TypeError(f"write its type into the path as well, like {{{name}:uuid}} or {{{name}:int}}")
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


def is_described(hint: Any) -> bool:
    """Return whether msgspec can make and describe values of a type."""
    try:
        msgspec.json.schema(hint)
    except TypeError:
        return False
    return True
