# kit: updated by the template; extend it from app.py
"""What an orchestrator asks: `/livez`, is the process alive; `/readyz`, may it get requests.

Liveness never touches the database: a restart does not mend one, and restarting every replica at once makes it worse.
Readiness uses a connection of its own, so that a busy pool does not look like a lost database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from service.kit.edge import asgi, problems
from service.kit.edge.problems import Problem

log = structlog.get_logger()

PATHS = frozenset(("/livez", "/readyz"))

CHECK_SECONDS = 2.0
"""The longest a check may take; a probe's own time-out should be longer."""

CACHE_SECONDS = 1.0
"""How long an answer stands, so that probes and strangers cannot load the database through `/readyz`."""


class Readiness:
    """The latest answer of a check that returns None when all is well, or what is wrong."""

    def __init__(self, check: Callable[[], Awaitable[str | None]]) -> None:
        self.check = check
        self.lock = asyncio.Lock()
        self.checked_at = float("-inf")
        self.fault: str | None = None

    async def find_fault(self) -> str | None:
        """Return what is wrong, from a check at most one second old."""
        async with self.lock:
            if time.monotonic() - self.checked_at >= CACHE_SECONDS:
                fault = await self.run_check()
                if fault != self.fault:
                    log.warning("not ready", fault=fault) if fault else log.info("ready")
                self.fault, self.checked_at = fault, time.monotonic()
            return self.fault

    async def run_check(self) -> str | None:
        """Run the check within its deadline. What went wrong inside is logged, not shown."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await self.check()
        except Exception as error:
            log.warning("readiness check failed", error=repr(error))
            return "The database cannot be used; the log says why."


class Health:
    """Wrap an application: answer `/livez` and `/readyz` before it."""

    def __init__(self, app: asgi.App, check: Callable[[], Awaitable[str | None]]) -> None:
        self.app = app
        self.readiness = Readiness(check)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        path = scope.get("path")
        if path not in PATHS:
            return await self.app(scope, receive, send)
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(405, "method-not-allowed", f"{path} answers GET.", headers={"allow": "GET, HEAD"})
        scope["path_template"] = path
        if scope.get("draining"):
            raise Problem(
                503, "draining", "The service is about to stop.", headers={"retry-after": str(problems.RETRY_AFTER)}
            )
        if path == "/readyz" and (fault := scope.get("fault") or await self.readiness.find_fault()):
            raise Problem(503, "not-ready", fault, headers={"retry-after": str(problems.RETRY_AFTER)})
        body = msgspec.json.encode({"status": "ok"})
        headers = [(b"cache-control", b"no-store")]
        await asgi.respond(send, 200, body, b"application/json", headers)
