# kit: updated by the template; extend it from app.py
"""The outermost layer: every request has an id, and every request gets an answer."""

import re
import secrets
from contextvars import ContextVar

import structlog

from service.kit import asgi, problems
from service.kit.problems import Problem

log = structlog.get_logger()

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being answered, for logs, problems and outgoing calls."""

ACCEPTED_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a caller may send: anything else could forge log lines, so it is replaced."""


class Edge:
    """Wrap an application: `x-request-id` in and out, and a problem for whatever escapes from within."""

    def __init__(self, app: asgi.App) -> None:
        self.app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identity = identify(scope)
        request_id.set(identity)
        structlog.contextvars.bind_contextvars(request_id=identity)
        started = False

        async def send_identified(message: asgi.Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_identified)
        except Problem as problem:
            if problem.status >= 500:
                log.warning(
                    "request refused", status=problem.status, detail=problem.detail, cause=repr(problem.__cause__)
                )
            await answer(problem, send_identified)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if started:
                raise  # too late for another answer: the server cuts the connection, so that the client notices
            await answer(problems.internal(), send_identified)


def identify(scope: asgi.Scope) -> str:
    """Return the caller's request id when it is acceptable, else a new one."""
    given = asgi.header(scope, b"x-request-id") or ""
    return given if ACCEPTED_ID.fullmatch(given) else secrets.token_hex(16)


async def answer(problem: Problem, send: asgi.Send) -> None:
    """Send a problem as the response."""
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    await asgi.respond(send, problem.status, problem.encode(request_id.get()), problems.MEDIA_TYPE, headers)
