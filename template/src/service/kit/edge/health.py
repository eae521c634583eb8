# kit: updated by the template; extend it from app.py
"""Answers an orchestrator's probes: `/livez` (is it alive) and `/readyz` (may it get requests).

Liveness never touches the database: a restart does not fix it, and restarting every replica at
once makes it worse. Readiness uses a connection of its own, so that a busy pool does not look like
a lost database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf

import structlog

from service.kit.work import responses
from service.kit.work.asgi import Scope, Send
from service.kit.work.problems import Problem, busy

log = structlog.get_logger()

PROBE_PATHS = ("/livez", "/readyz")

CHECK_SECONDS = 2.0
"""Maximum duration of a check; a probe's own timeout should be longer."""

CACHE_SECONDS = 1.0
"""Seconds that a result is kept, so that neither probes nor strangers load the database."""

type Check = Callable[[], Awaitable[str | None]]
"""Returns what keeps the service from answering requests, or None."""


class Health:
    """Answers probes with the result of the latest check."""

    def __init__(self, check: Check | None) -> None:
        self.check = check
        self.lock = asyncio.Lock()
        self.checked_at = -inf
        self.fault: str | None = None

    async def answer_probe(self, scope: Scope, send: Send) -> None:
        """Answer a probe, or raise the problem that says why not."""
        path = scope["path_template"] = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            allow = {"allow": "GET, HEAD"}
            raise Problem(405, "method-not-allowed", f"{path} answers GET.", headers=allow)
        if scope.get("draining"):
            raise busy("The service is about to stop.", kind="draining")
        if path == "/readyz":
            fault = scope.get("fault") or await self.find_fault()
            if fault:
                raise busy(fault, kind="not-ready")
        no_store = {b"cache-control": b"no-store"}
        await responses.respond(send, 200, b'{"status":"ok"}', b"application/json", no_store)

    async def find_fault(self) -> str | None:
        """Return what is wrong, by a check at most a second old."""
        async with self.lock:
            if time.monotonic() - self.checked_at >= CACHE_SECONDS:
                fault = await self.run_check()
                if fault and fault != self.fault:
                    log.warning("not ready", fault=fault)
                elif self.fault and not fault:
                    log.info("ready")
                self.fault = fault
                self.checked_at = time.monotonic()
            return self.fault

    async def run_check(self) -> str | None:
        """Return what is wrong now. An error of the check is logged, not shown."""
        if self.check is None:
            return None
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await self.check()
        except Exception as error:
            log.warning("readiness check failed", error=repr(error))
            return "The database cannot be used; the log says why."
