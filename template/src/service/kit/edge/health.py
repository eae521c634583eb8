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

from service.kit.work import metrics, responses
from service.kit.work.asgi import Scope, Send
from service.kit.work.problems import Problem, busy

log = structlog.get_logger()

PROBE_PATHS = ("/livez", "/readyz")

CHECK_SECONDS = 2.0
"""Maximum duration of a check; a probe's own timeout should be longer."""

CACHE_SECONDS = 1.0
"""Seconds that a result is kept, so that neither probes nor strangers load the database."""

WATCH_SECONDS = 15.0
"""Seconds between two checks for `/metrics`, where no probe asks."""

OUTCOMES = "ready", "refused", "database"
"""Outcomes of a check: passed, something is wrong, or the database cannot be used."""

type Check = Callable[[], Awaitable[str | None]]
"""Returns what keeps the service from answering requests, or None."""


class Health:
    """Answers probes with the result of the latest check."""

    def __init__(self, check: Check | None) -> None:
        self.check = check
        self.lock = asyncio.Lock()
        self.checked_at = -inf
        self.ready_at = -inf
        self.fault: str | None = None
        for outcome in OUTCOMES:
            metrics.get_metrics().readiness_checks.labels(outcome)

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

    async def watch(self) -> None:
        """Check every `WATCH_SECONDS` until cancelled, so that alerts need no probe."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.find_fault()

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
        """Return what is wrong now, and count it. An error of the check is logged, not shown.

        An error of the database has a `patience`: it is ignored for that many seconds after the
        last good check.
        """
        counter = metrics.get_metrics().readiness_checks
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                fault = await self.check() if self.check else None
        except Exception as error:
            log.warning("readiness check failed", error=repr(error))
            patience = getattr(error, "patience", None)
            if patience and time.monotonic() - self.ready_at < patience:
                counter.labels("ready").inc()
                return None
            # The pool raises problems.
            if patience is None and not isinstance(error, Problem | TimeoutError):
                counter.labels("refused").inc()
                return "The readiness check failed; the log says why."
            counter.labels("database").inc()
            return "The database cannot be used; the log says why."
        if fault is None:
            self.ready_at = time.monotonic()
        counter.labels("refused" if fault else "ready").inc()
        return fault
