# kit: updated by the template; extend it from app.py
"""What functions return, and how it is sent: JSON, encoded once, unless it can send itself."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from service.kit.edge import asgi, charge
from service.kit.rows import Page, link
from service.kit.web.routes import Route

ENCODER = msgspec.json.Encoder()
JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Reply[Body]:
    """A result with a status and headers of its own. Without a status it has that of its route."""

    body: Body
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def created[Body](body: Body, location: str) -> Reply[Body]:
    """Return the reply 201 for what can be read at `location` from now on."""
    return Reply(body, 201, {"Location": location})


def choose_status(route: Route, *, has_body: bool) -> int:
    """Return the status of a success."""
    return route.status or (204 if not has_body else 201 if route.method == "POST" else 200)


def encode(body: object) -> bytes:
    """Return a result as JSON, on the account of the request."""
    began = time.perf_counter()
    encoded = ENCODER.encode(body)
    charge("encoding", began)
    return encoded


async def send_result(result: Any, route: Route, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    """Send what a function returned. An ASGI application, like a response of Starlette, sends itself."""
    if callable(result):
        return await cast("asgi.App", result)(scope, receive, send)
    status, fields = None, {}
    if isinstance(result, Reply):
        fields = {name.lower().encode(): value.encode("latin-1") for name, value in result.headers.items()}
        status, result = result.status, result.body
    status = status or choose_status(route, has_body=result is not None)
    if result is None:
        await send({"type": "http.response.start", "status": status, "headers": [*fields.items()]})
        return await send({"type": "http.response.body", "body": b""})
    if isinstance(result, Page) and result.next:
        fields[b"link"] = link(scope["query_string"].decode("latin-1"), result.next).encode()
    media_type = fields.pop(b"content-type", JSON)
    await asgi.respond(send, status, encode(result), media_type, fields)
