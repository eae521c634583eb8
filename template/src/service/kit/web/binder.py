# kit: updated by the template; extend it from app.py
"""Makes an ASGI application of a route's function: reads its arguments, and sends its result.

Where arguments come from is decided once, at start. Results become JSON, encoded once, unless they
send themselves.
"""

import inspect
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast, get_args, get_origin, get_type_hints

import msgspec

from service.kit.auth.bearer import Caller
from service.kit.rows.listing import Page, make_link_header
from service.kit.web.access import Access, AccessError
from service.kit.web.body import Body
from service.kit.web.forms import FormBody, PartsBody, make_form
from service.kit.web.inputs import (
    PROVIDER_READERS,
    READERS,
    Readers,
    check_caller,
    check_connection,
    check_converter,
    is_body,
    is_described,
    is_list_of_values,
)
from service.kit.web.query_string import QueryString
from service.kit.web.routes import PATH_PARAMETER, WEBSOCKET, Route
from service.kit.web.socket import Socket
from service.kit.web.unbound import advise_on_parameter
from service.kit.work.arguments import (
    Binder,
    Call,
    Provided,
    Reader,
    bind_parameters,
    name_function,
    split_none,
    unwrap_type,
)
from service.kit.work.asgi import App, Receive, Scope, Send
from service.kit.work.limits import charge
from service.kit.work.times import WHOLE_SECOND, write_whole_seconds

BODILESS = ("GET", "DELETE", WEBSOCKET)
"""Methods with which a list of texts or numbers is in the query string. Otherwise it is the
body."""

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


class Inputs:
    """Finds what the functions of a route read of its requests.

    `path` has the path parameters that they ask for.
    """

    def __init__(self, route: Route) -> None:
        self.level = route.level
        self.is_socket = route.method == WEBSOCKET
        self.converters = dict(PATH_PARAMETER.findall(route.path))
        self.path: dict[str, Any] = {}

    def make_binder(self, provided: Provided) -> Binder:
        """Return what binds the providers and the check of the route."""
        return Binder(provided, partial(self.find_reader, PROVIDER_READERS))

    def find_reader(self, readers: Readers, name: str, hint: Any) -> Reader | None:
        """Return what reads an argument: a path parameter, the caller, or by type."""
        kind, is_optional = split_none(hint)
        if name in self.converters:
            check_converter(name, self.converters[name], kind)
            self.path[name] = hint
            return lambda scope, *_: scope["path_params"][name]
        check_connection(kind, is_socket=self.is_socket)
        if kind is not Caller:
            return readers.get(kind)
        check_caller(self.level, is_optional=is_optional)
        if is_optional:
            return lambda scope, *_: scope.get("auth")
        return lambda scope, *_: scope["auth"]


@contextmanager
def naming_route(route: Route) -> Generator[None]:
    """Name the route in what is wrong with its functions."""
    try:
        yield
    except TypeError as error:
        raise type(error)(f"{route}, {error}") from None


def bind_check(route: Route, provided: Provided) -> Call | None:
    """Return the function that lets the callers of a route in, if it has one of its own."""
    function: Any = route.access
    if function is None or isinstance(function, Access):
        return None
    if not inspect.isroutine(function):
        function = function.__call__
    with naming_route(route):
        if get_type_hints(function).get("return") is not bool:
            advice = "annotate it with `-> bool`: True lets a caller in"
            raise AccessError(f"{name_function(function)}: {advice}")
        return Inputs(route).make_binder(provided).bind(function)


class Binding(Call):
    """A route's function as an ASGI application.

    Raises TypeError for a parameter that nothing can fill.
    """

    def __init__(self, route: Route, provided: Provided, readers: Readers) -> None:
        function = route.endpoint
        super().__init__(function)
        self.route = route
        self.query = QueryString()
        self.body: tuple[str, Body[Any] | FormBody | PartsBody] | None = None
        self.inputs = Inputs(route)
        self.path = self.inputs.path
        self.types = {**READERS, **readers}
        self.binder = self.inputs.make_binder(provided)
        where = f"{route}, {name_function(function)}"
        if not inspect.iscoroutinefunction(function):
            advice = "call what blocks by `await offload.in_thread(…)`"
            raise TypeError(f"{where}: make it an async function, and {advice}")
        with naming_route(route):
            bind_parameters(function, self.bind)
        missing = self.inputs.converters.keys() - self.path.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise TypeError(f"{where}: its path has {names}, so add parameters of these names")
        self.max_bytes = self.choose_max_bytes()
        self.function = partial(function, **self.fixed)
        self.result = get_type_hints(function, include_extras=True).get("return", Any)
        if get_origin(self.result) is Reply:
            [self.result] = get_args(self.result)

    def bind(self, parameter: inspect.Parameter, hint: Any) -> None:
        """Decide where the argument of one parameter comes from."""
        name = parameter.name
        kind = unwrap_type(hint)
        reader = self.inputs.find_reader(self.types, name, hint)
        form = make_form(kind, self.binder.provided)
        is_in_query = self.route.method in BODILESS and is_list_of_values(kind)
        if reader:
            self.readers[name] = reader
        elif get_origin(kind) is Socket:
            self.readers[name] = partial(Socket, Body(get_args(kind)[0]))
        elif self.binder.fill(self, name, hint):
            return
        elif getattr(kind, "__query__", False):
            self.query.add_filter(name, kind)
        elif form or (is_body(kind) and not is_in_query):
            if self.inputs.is_socket:
                messages = "a `Socket[Received, Sent]` has its messages"
                raise TypeError(f"a WebSocket has no body; {messages}")
            if self.body:
                other = "a list that is in the query string is a field of a Filter"
                raise TypeError(f"`{self.body[0]}` is its body already; {other}")
            self.body = name, form or Body(hint)
        elif advice := advise_on_parameter(parameter, hint):
            raise TypeError(advice)
        elif is_described(hint):
            is_required = parameter.default is parameter.empty
            self.query.add(name, hint, is_required, parameter.default)
        else:
            raise TypeError("nothing is of this type; add it to what app.py provides")

    def choose_max_bytes(self) -> int | None:
        """Return the maximum size of an upload: 0 is the default, and None if it takes none."""
        max_bytes = self.route.max_bytes
        if self.body and self.body[1].takes_upload:
            return max_bytes or 0
        if max_bytes is not None:
            advice = "`max_bytes` is for a form with files; EDGE_BODY_BYTES limits other bodies"
            raise TypeError(f"{self.route}: {advice}")
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        values = {name: read(scope, receive, send) for name, read in self.readers.items()}
        if scope["query_string"] or self.query.parameters:
            values |= self.query.read(scope["query_string"])
        if self.body:
            name, body = self.body
            values[name] = await body.read(scope, receive)
        if self.providers:  # last, so that a request that is refused costs none of them
            values |= await self.provide(scope, receive, send)
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
