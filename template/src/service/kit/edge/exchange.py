# kit: updated by the template; extend it from app.py
"""One request and its response: their id, and what is added to the response."""

import asyncio
import re
import secrets
import time
from math import inf

from service.kit.edge import asgi, problems
from service.kit.edge.context import Work, current
from service.kit.edge.problems import Problem

ACCEPTED_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a caller may send: anything else could forge log lines, so it is replaced."""

PROTECTION = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""What a response says unless a handler said otherwise: browsers neither guess its type, frame it, nor keep it.

Source: the REST security cheat sheet of OWASP. HSTS belongs to whatever ends TLS.
"""


class Exchange(Work):
    """A request under way, and what became of it so far: `started` is whether any of the response was sent."""

    __slots__ = (
        "_send",
        "began_at",
        "sent",
        "show_timing",
        "stall_timeout",
        "started",
        "status",
        "timeout",
    )

    def __init__(self, scope: asgi.Scope, send: asgi.Send, stall_timeout: float, *, show_timing: bool) -> None:
        self._send = send
        super().__init__(identify(scope), scope=scope)
        self.began_at = time.perf_counter()
        self.stall_timeout = stall_timeout
        self.show_timing = show_timing
        self.timeout: asyncio.Timeout | None = None
        self.started = False
        self.status = 0
        self.sent = 0
        current.set(self)

    async def send(self, message: asgi.Message) -> None:
        """Send a part of the response: its start with all that every response has."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = self.complete(list(message["headers"]))
            return await self._send(message)
        self.sent += len(message.get("body", b""))
        if message.get("more_body") and self.timeout:
            return await self.send_chunk(message, self.timeout)
        await self._send(message)

    async def send_chunk(self, message: asgi.Message, limit: asyncio.Timeout) -> None:
        """Send a part of a stream. From the first one on, it is the client that has to keep up, and not the handler."""
        self.ends_at = inf
        limit.reschedule(asyncio.get_running_loop().time() + self.stall_timeout)
        await self._send(message)
        limit.reschedule(None)

    async def refuse(self, problem: Problem) -> None:
        """Send a problem as the response."""
        headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        await asgi.respond(self.send, problem.status, problem.encode(self.id), problems.MEDIA_TYPE, headers)

    def complete(self, headers: asgi.Headers) -> asgi.Headers:
        """Return the headers of the response with the id, the protection and, when it is wanted, the timing.

        Server-Timing is what browsers draw: https://www.w3.org/TR/server-timing/
        """
        present = {name for name, _ in headers}
        headers += [item for item in PROTECTION if item[0] not in present]
        headers.append((b"x-request-id", self.id.encode()))
        if self.show_timing:
            split = ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in self.split().items())
            headers.append((b"server-timing", split.encode()))
        return headers

    def split(self) -> dict[str, float]:
        """Return the seconds so far by what they were spent on; `handler` is what no span accounts for."""
        total = time.perf_counter() - self.began_at
        return {**self.spans, "handler": total - sum(self.spans.values()), "total": total}


def identify(scope: asgi.Scope) -> str:
    """Return the caller's request id when it is acceptable, else a new one."""
    given = asgi.header(scope, b"x-request-id")
    return given if given and ACCEPTED_ID.fullmatch(given) else secrets.token_hex(16)
