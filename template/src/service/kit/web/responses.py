# kit: updated by the template; extend it from app.py
"""How what a handler returns is sent: JSON is encoded once, and goes out as it is; files are described."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Response
from litestar.enums import MediaType
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.serialization import default_serializer

from service.kit.edge import Span, asgi
from service.kit.rows import formats

ENCODER = msgspec.json.Encoder(enc_hook=default_serializer)

BODILESS = (204, 304)
OWN = {"content-type", "content-length"}
"""Headers that a response has from its body, unless a handler sets them itself."""


class Whole:
    """A response of the framework whose content is bytes. To build and send it takes 2 µs, and 6 by the framework.

    What is not plain is left to the framework: cookies, work after the response, a status without a body, text, and
    headers that replace those of the body.
    """

    __slots__ = ("response",)

    def __init__(self, response: Any) -> None:
        self.response = response

    def to_asgi_response(self, **given: Any) -> asgi.App:
        """Return what sends the response. `given` is what its route says for all of its responses."""
        response = self.response
        status = response.status_code or given.get("status_code") or 200
        headers: Mapping[str, str] = {**(given.get("headers") or {}), **response.headers}
        names = {name.lower() for name in headers}
        extras = response.cookies or response.background or given.get("cookies") or given.get("background")
        media_type: str = getattr(response.media_type, "value", response.media_type)
        plain = status >= 200 and status not in BODILESS and not media_type.startswith("text/")
        if extras or not plain or not names.isdisjoint(OWN):
            return response.to_asgi_response(**given)
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]

        async def send_whole(_: asgi.Scope, __: asgi.Receive, send: asgi.Send) -> None:
            await asgi.respond(send, status, response.content, media_type.encode(), encoded)

        return send_whole


async def finish(response: Any) -> Any:
    """Return what sends the response of a handler: this is the last that the framework asks before it sends it."""
    return Whole(response) if encode(response) else response


def encode(response: Any) -> bool:
    """Make JSON of the content of a response, on the account of the request. Return whether there was any to make."""
    if type(response) is not Response or isinstance(response.content, bytes | str | None):
        return False
    with Span("encoding"):
        response.content = ENCODER.encode(response.content)
    response.media_type = response.media_type or MediaType.JSON
    return True


@dataclass
class Exporting(Operation):
    """How a route that returns an `Export` is described: `@get("/export", operation_class=Exporting)`."""

    def __post_init__(self) -> None:
        """List the formats."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.responses = {
            "200": OpenAPIResponse("The rows, as a file.", content=dict.fromkeys(formats.MEDIA_TYPES, text))
        }
