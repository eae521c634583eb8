# kit: updated by the template; extend it from app.py
"""A bounded pool of threads: calls that run in it, and calls that wait for a thread."""

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any

import structlog

from service.kit.work import metrics
from service.kit.work.limits import Limiter, time_left
from service.kit.work.problems import Problem

log = structlog.get_logger()

FULL = "Too much work of this kind is under way. Try again shortly."
LATE = "The request timed out before its work was done. Check whether it took effect, then retry."


class ThreadPool(Limiter):
    """A limiter with a thread for each of its slots.

    A running call cannot be aborted. When its request ends first, the request is released and the
    call keeps its slot until it ends. The threads are daemons: none keeps the process from ending.
    """

    def __init__(self, name: str, limit: int, max_waiting: int, wait_timeout: float) -> None:
        super().__init__(limit, max_waiting, wait_timeout, FULL, f"offload-{name}")
        self.name = name
        self.threads = 0
        self.calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run[Result](
        self, name: str, call: Callable[[], Result], begins: Callable[[], None] | None = None
    ) -> Result:
        """Return what a call returns.

        Raises a 503 problem if no slot becomes free, 504 past the request's deadline. `begins` is
        called when there is a slot: from then on the call runs, even if its request ends.
        """
        waits_since = time.perf_counter()
        await self.enter()
        if begins:
            begins()
        waited = time.perf_counter() - waits_since
        metrics.get_metrics().offload_wait_seconds.labels(self.name, name).observe(waited)
        if self.running > self.threads:
            self.start_thread()
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        in_context = partial(contextvars.copy_context().run, call)
        self.calls.put(partial(self.run_in_thread, name, future, in_context))
        try:
            return await wait_until_deadline(future)
        finally:
            if future.cancelled():
                self.report_abandoned(name)

    def start_thread(self) -> None:
        self.threads += 1
        name = f"offload-{self.name}-{self.threads}"
        threading.Thread(target=self.serve_calls, name=name, daemon=True).start()

    def serve_calls(self) -> None:
        """Run calls until one is None: the loop of each thread."""
        while run_call := self.calls.get():
            run_call()
            del run_call  # frees the result, however long the next call takes to come

    def run_in_thread[Result](
        self, name: str, future: asyncio.Future[Result], call: Callable[[], Result]
    ) -> None:
        """Run a call in this thread, and hand its outcome to the event loop."""
        started_at = time.perf_counter()
        try:
            settle = partial(future.set_result, call())
        except BaseException as error:
            settle = partial(future.set_exception, error)
        seconds = time.perf_counter() - started_at
        with suppress(RuntimeError):  # the event loop has closed without waiting any longer
            future.get_loop().call_soon_threadsafe(self.finish, name, future, settle, seconds)

    def finish(
        self, name: str, future: asyncio.Future[Any], settle: Callable[[], None], seconds: float
    ) -> None:
        """Free the slot of a call, and settle its future unless nobody waits for it any more."""
        self.leave()
        metrics.get_metrics().offload_run_seconds.labels(self.name, name).observe(seconds)
        if future.done():
            log.info("abandoned call ended", pool=self.name, call=name, seconds=round(seconds, 3))
        else:
            settle()

    def report_abandoned(self, name: str) -> None:
        """Count and log a call whose request ended first."""
        metrics.get_metrics().offload_abandoned.labels(self.name).inc()
        counts = {"running": self.running, "limit": self.limit}
        log.warning("call abandoned", pool=self.name, call=name, **counts)

    async def close(self, seconds: float) -> None:
        """Wait up to `seconds` for running calls, and log how many are left."""
        try:
            async with asyncio.timeout(seconds):
                while self.running:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        except TimeoutError:
            log.warning("calls left running", pool=self.name, running=self.running, seconds=seconds)
        for _ in range(self.threads):
            self.calls.put(None)


async def wait_until_deadline[Result](future: asyncio.Future[Result]) -> Result:
    """Return the result of a future. Raises a 504 problem at the deadline of the request or job."""
    left = time_left(inf)
    limit = asyncio.timeout(None if left == inf else left)
    try:
        async with limit:
            return await future
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Problem(504, "timeout", LATE) from error
