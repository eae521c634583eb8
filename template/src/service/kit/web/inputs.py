# kit: updated by the template; extend it from app.py
"""What functions are given of a request by type, and the checks of what they ask for, at start."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin
from uuid import UUID

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from service.kit.edge.events import LastEventId, read_last_event_id
from service.kit.web.access import OPTIONAL_TOKEN, PUBLIC, Access, AccessError
from service.kit.web.request import CheckedRequest
from service.kit.web.socket import Socket
from service.kit.web.uploads import describe_upload
from service.kit.work.arguments import Reader, is_struct

type Readers = Mapping[Any, Reader]

PROVIDER_READERS: Readers = {
    Request: lambda scope, *_: Request(scope),
    HTTPConnection: lambda scope, *_: HTTPConnection(scope),
}
"""How to read what providers and checks may ask for, by its type.

Their request has no body: it belongs to the route.
"""

READERS: Readers = {
    **PROVIDER_READERS,
    LastEventId: read_last_event_id,
    Request: CheckedRequest,
    WebSocket: WebSocket,
}
"""The same for the function of any route."""

CONVERTED = {"": str, "str": str, "path": str, "int": int, "float": float, "uuid": UUID}
"""The type that Starlette converts a path parameter to, by what follows its name."""


def check_converter(name: str, converter: str, kind: Any) -> None:
    """Raise TypeError unless a path parameter is converted to its type."""
    if CONVERTED.get(converter, kind) is not kind:
        examples = f"{{{name}:uuid}} or {{{name}:int}}"
        raise TypeError(f"write its type into the path as well, like {examples}")


def check_caller(level: Access | None, *, is_optional: bool) -> None:
    """Raise AccessError unless a caller is known where one is asked for."""
    if level is PUBLIC:
        advice = "give it `access=NEEDS_TOKEN`, or OPTIONAL_TOKEN for a `Caller | None`"
        raise AccessError(f"nobody is known on a public route; {advice}")
    if level is OPTIONAL_TOKEN and not is_optional:
        raise AccessError("the token is optional; write `Caller | None`")


def check_connection(kind: Any, *, is_socket: bool) -> None:
    """Raise TypeError for a request on a WebSocket, and for a WebSocket on another route."""
    if is_socket and kind is Request:
        raise TypeError("a WebSocket is no `Request`; ask for Starlette's `HTTPConnection`")
    if not is_socket and (get_origin(kind) or kind) in (Socket, WebSocket):
        raise TypeError("only the routes of `routes.websocket` have one")


def is_body(kind: Any) -> bool:
    """Return whether a parameter of a type is the JSON body: a struct, a list or a dict."""
    base = get_origin(kind) or kind
    parts = [kind, *get_args(kind)]
    return base in (list, dict) or any(is_struct(part) for part in parts)


def is_list_of_values(kind: Any) -> bool:
    """Return whether a type is a list of texts, numbers or the like."""
    return get_origin(kind) is list and not any(map(is_body, get_args(kind)))


def is_described(hint: Any) -> bool:
    """Return whether msgspec can decode and describe values of a type."""
    try:
        msgspec.json.schema(hint, schema_hook=describe_upload)
    except TypeError:
        return False
    return True
