# kit: updated by the template; extend it from app.py
"""Requests that a worker refuses because it answers enough already: at the least cost, since they come in floods.

Whatever a refusal costs, the requests that were admitted wait for it. So it passes no layer, and has no log line of its
own: at twice the load that a worker can carry, that is the difference between most of the work done, and none.
"""

import asyncio

import structlog

from service.kit.edge import asgi, metrics, problems
from service.kit.edge.exchange import PROTECTION, identify
from service.kit.edge.problems import busy

log = structlog.get_logger()

PROBLEM = busy("The service is answering as many requests as it can. Try again shortly.")
HEADERS = [
    (b"content-type", problems.MEDIA_TYPE),
    *PROTECTION,
    *((name.encode(), value.encode()) for name, value in PROBLEM.headers.items()),
]
BEFORE, AFTER = PROBLEM.encode("|").split(b"|")
"""The body is the same for all, around the id of the request."""

REPORT_SECONDS = 1.0
"""How long refusals are counted for one line in the log."""


class Admission:
    """At most so many requests at once. `under_way` is how many there are, `refused` how many were one too many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.under_way = 0
        self.refused = 0

    @property
    def is_full(self) -> bool:
        return self.under_way >= self.most

    async def refuse(self, scope: asgi.Scope, send: asgi.Send) -> None:
        """Answer 503 with Retry-After. Nothing was done, so the client may repeat the request."""
        if not self.refused:
            asyncio.get_running_loop().call_later(REPORT_SECONDS, self.report)
        self.refused += 1
        identity = identify(scope).encode()
        body = BEFORE + identity + AFTER
        headers = [*HEADERS, (b"content-length", b"%d" % len(body)), (b"x-request-id", identity)]
        await send({"type": "http.response.start", "status": PROBLEM.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def report(self) -> None:
        """Count the refusals of the last second, and write one line for all of them."""
        if self.refused:
            metrics.count_refusal("admission", self.refused)
            log.warning("requests refused", count=self.refused, under_way=self.under_way)
            self.refused = 0
