# kit: updated by the template; extend it from app.py
"""A bounded number of threads for calls that would block the event loop."""

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

from service.kit.edge import Limiter, Problem, metrics, time_left

log = structlog.get_logger()

FULL = "Too much work of this kind is under way. Try again shortly."


class ThreadPool(Limiter):
    """A limiter with a thread for each of its places.

    A running call cannot be aborted. When its request ends first, the request is released and the call runs on in its
    place. The threads are daemons: none keeps the process from ending.
    """

    def __init__(self, name: str, limit: int, waiters: int, patience: float) -> None:
        super().__init__(limit, waiters, patience, FULL, f"offload-{name}")
        self.name = name
        self.threads = 0
        self.work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run[Result](self, name: str, call: Callable[[], Result]) -> Result:
        """Return what a call returns. Raises a 503 problem without a place for it, 504 past the request's deadline."""
        began = time.perf_counter()
        await self.enter()
        metrics.meters().offload_wait.labels(self.name, name).observe(time.perf_counter() - began)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if self.running > self.threads:
            self.threads += 1
            threading.Thread(target=self.serve, name=f"offload-{self.name}-{self.threads}", daemon=True).start()
        self.work.put(partial(self.work_on, name, future, partial(contextvars.copy_context().run, call)))
        left = time_left(inf)
        limit = asyncio.timeout(None if left == inf else left)
        try:
            async with limit:
                return await future
        except TimeoutError as error:
            if not limit.expired():
                raise
            detail = "The request ran out of time before its work was done. Check whether it took effect, then retry."
            raise Problem(504, "timeout", detail) from error
        finally:
            if future.cancelled():
                metrics.meters().abandoned.labels(self.name).inc()
                log.warning("call abandoned", pool=self.name, call=name, running=self.running, limit=self.limit)

    def serve(self) -> None:
        while work := self.work.get():
            work()
            del work  # and with it the result, however long the next call is in coming

    def work_on[Result](self, name: str, future: asyncio.Future[Result], call: Callable[[], Result]) -> None:
        """Run a call in this thread, and tell the event loop."""
        began = time.perf_counter()
        try:
            tell = partial(future.set_result, call())
        except BaseException as error:
            tell = partial(future.set_exception, error)
        seconds = time.perf_counter() - began
        with suppress(RuntimeError):  # the event loop has closed without waiting any longer
            future.get_loop().call_soon_threadsafe(self.finish, name, future, tell, seconds)

    def finish(self, name: str, future: asyncio.Future[Any], tell: Callable[[], None], seconds: float) -> None:
        """Free the place of a call, and answer if anybody still waits."""
        self.leave()
        metrics.meters().offload_run.labels(self.name, name).observe(seconds)
        if future.done():
            log.info("abandoned call ended", pool=self.name, call=name, seconds=round(seconds, 3))
        else:
            tell()

    async def close(self, seconds: float) -> None:
        """Wait up to `seconds` for running calls, and log how many are left."""
        try:
            async with asyncio.timeout(seconds):
                while self.running:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        except TimeoutError:
            log.warning("calls left running", pool=self.name, running=self.running, seconds=seconds)
        for _ in range(self.threads):
            self.work.put(None)
