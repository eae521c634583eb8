# kit: updated by the template; extend it from app.py
"""The request for a function that reads its body itself: JSON of any shape, or a form.

A body that cannot be read is a 400 problem. Bodies with a type are read by `body.py`.
"""

import json
import re
from collections.abc import Generator, Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from service.kit.web.body import malformed_json
from service.kit.web.mismatches import shorten_echo
from service.kit.work.problems import Problem

BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)


class CheckedRequest(Request):
    """Starlette's `Request`, except for how it refuses a body."""

    async def json(self) -> Any:
        """Return what the body holds. Raises a 400 problem."""
        body = await self.body()
        try:
            return json.loads(body.decode(), parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise malformed_json(body, error) from None

    def form(self, **limits: Any) -> "Form":
        """Return the fields and files of a form, to be awaited or entered. Raises a 400 problem."""
        return Form(self, limits)


def refuse_constant(name: str) -> None:
    """Raise ValueError for NaN and Infinity, which Python's parser takes and JSON does not have."""
    raise ValueError(f"it does not have {name}")


class Form:
    """A form to be read: `await request.form()`, or `async with request.form() as form`."""

    def __init__(self, request: Request, limits: Mapping[str, Any]) -> None:
        self.request = request
        self.limits = limits

    def __await__(self) -> Generator[Any, None, FormData]:
        return self.read().__await__()

    async def __aenter__(self) -> FormData:
        self.data = await self.read()
        return self.data

    async def __aexit__(self, *_: object) -> None:
        await self.data.close()

    async def read(self) -> FormData:
        """Return the form. With `charset=undefined`, its parser raises UnicodeError."""
        body = await self.request.body()
        media_type = self.request.headers.get("content-type", "")
        if is_truncated_form(body, media_type):
            raise Problem(400, "malformed", "The form ends before its last boundary.")
        try:
            return await Request.form(self.request, **self.limits)
        except (MultiPartException, ValueError) as error:
            reason = shorten_echo(getattr(error, "message", str(error)))
            raise Problem(400, "malformed", f"The body is not a valid form: {reason}") from None


def is_truncated_form(body: bytes, media_type: str) -> bool:
    """Return whether a multipart form lacks its end. The parser takes it for complete."""
    if not media_type.lower().startswith("multipart/"):
        return False
    found = BOUNDARY.search(media_type)
    boundary = (found[1] or found[2]) if found else ""
    end = f"--{boundary}--".encode("latin-1")
    return not body.startswith(end) and b"\r\n" + end not in body
