# kit: updated by the template; extend it from app.py
"""What an orchestrator asks: `/livez`, is the process alive; `/readyz`, may it get requests.

Liveness never touches the database: restarting does not mend one, and restarting every replica at
once makes it worse. Readiness uses a connection of its own, so that a busy pool does not look like
a lost database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from service.kit.work import asgi, responses
from service.kit.work.problems import RETRY_AFTER, Problem

log = structlog.get_logger()

PATHS = ("/livez", "/readyz")
CHECK_SECONDS = 2.0
"""The longest a check may take; a probe's own timeout should be longer."""
CACHE_SECONDS = 1.0
"""How long an answer is kept, so that neither probes nor strangers load the database through
`/readyz`."""

type Check = Callable[[], Awaitable[str | None]]
"""Returns what keeps the service from answering requests, or None."""


class Health:
    """The answers to probes, and what the latest check found."""

    def __init__(self, check: Check | None) -> None:
        self.check = check
        self.lock = asyncio.Lock()
        self.checked_at = float("-inf")
        self.fault: str | None = None

    async def answer(self, scope: asgi.Scope, send: asgi.Send) -> None:
        """Answer a probe, or raise the problem that says why not."""
        path = scope["path_template"] = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(
                405, "method-not-allowed", f"{path} answers GET.", headers={"allow": "GET, HEAD"}
            )
        retry = {"retry-after": str(RETRY_AFTER)}
        if scope.get("draining"):
            raise Problem(503, "draining", "The service is about to stop.", headers=retry)
        if path == "/readyz" and (fault := scope.get("fault") or await self.find_fault()):
            raise Problem(503, "not-ready", fault, headers=retry)
        await responses.respond(
            send, 200, b'{"status":"ok"}', b"application/json", [(b"cache-control", b"no-store")]
        )

    async def find_fault(self) -> str | None:
        """Return what is wrong, by a check at most one second old. What went wrong inside is
        logged, not shown.
        """
        async with self.lock:
            if self.check and time.monotonic() - self.checked_at >= CACHE_SECONDS:
                try:
                    async with asyncio.timeout(CHECK_SECONDS):
                        fault = await self.check()
                except Exception as error:
                    log.warning("readiness check failed", error=repr(error))
                    fault = "The database cannot be used; the log says why."
                if fault != self.fault:
                    log.warning("not ready", fault=fault) if fault else log.info("ready")
                self.fault, self.checked_at = fault, time.monotonic()
            return self.fault
