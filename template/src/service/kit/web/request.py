# kit: updated by the template; extend it from app.py
"""The request for a function that reads its body itself. What cannot be read is a 400 problem."""

import json
import re
from collections.abc import Generator, Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from service.kit.web.body import malformed
from service.kit.web.mismatches import cut
from service.kit.work.problems import Problem

BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)


class CheckedRequest(Request):
    """Starlette's `Request`, but for how it refuses a body."""

    async def json(self) -> Any:
        """Return what the body holds. Raises a 400 problem."""
        body = await self.body()
        try:
            return json.loads(body.decode(), parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise malformed(body, error) from None

    def form(self, **limits: Any) -> "Form":
        """Return the fields and files of a form, to be awaited or entered. Raises a 400 problem."""
        return Form(self, limits)


def refuse_constant(name: str) -> None:
    """Raise ValueError for NaN and Infinity, which Python's parser takes and JSON does not have."""
    raise ValueError(f"it does not have {name}")


class Form:
    """A form that is to be read: `await request.form()`, or `async with request.form() as form`."""

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
        request, body = self.request, await self.request.body()
        if is_cut_off(body, request.headers.get("content-type", "")):
            raise Problem(400, "malformed", "The form ends before its last boundary.")
        try:
            return await Request.form(request, **self.limits)
        except (MultiPartException, ValueError) as error:
            reason = getattr(error, "message", str(error))
            detail = f"The body is not a valid form: {cut(reason)}"
            raise Problem(400, "malformed", detail) from None


def is_cut_off(body: bytes, media_type: str) -> bool:
    """Return whether a multipart form lacks its end. The parser takes what came before for all."""
    if not media_type.lower().startswith("multipart/"):
        return False
    found = BOUNDARY.search(media_type)
    boundary = (found[1] or found[2]) if found else ""
    end = f"--{boundary}--".encode("latin-1")
    return not body.startswith(end) and b"\r\n" + end not in body
