# kit: updated by the template; extend it from app.py
"""A bounded number of threads for calls that would block the event loop, and a bounded queue before them."""

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

from service.kit.edge import Problem, busy, metrics, time_left

log = structlog.get_logger()


class Tier:
    """Runs `limit` calls at once. `waiters` more may wait, for `patience` seconds at most; all others are refused.

    A call that has begun cannot be aborted. When its request ends before it does, the request is released and the call
    runs on in its place; `abandoned` counts those. Calls and threads are daemons: none keeps the process from ending.
    """

    def __init__(self, name: str, limit: int, waiters: int, patience: float) -> None:
        self.name = name
        self.limit = limit
        self.waiters = waiters
        self.patience = patience
        self.running = 0
        self.waiting = 0
        self.refused = 0
        self.timed_out = 0
        self.abandoned = 0
        self.threads = 0
        self.places = asyncio.Semaphore(limit)
        self.work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run[Result](self, name: str, call: Callable[[], Result]) -> Result:
        """Return what a call returns. Raises a 503 problem without a place for it, 504 past the request's deadline."""
        began = time.perf_counter()
        await self.take_place()
        self.running += 1
        metrics.meters().offload_wait.labels(self.name, name).observe(time.perf_counter() - began)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.start(partial(self.work_on, name, future, partial(contextvars.copy_context().run, call)))
        left = time_left(inf)
        try:
            async with asyncio.timeout(None if left == inf else left) as limit:
                return await future
        except TimeoutError as error:
            if not limit.expired():
                raise
            detail = "The request ended before the work for it. Read before you repeat it: it may have taken effect."
            raise Problem(504, "timeout", detail) from error
        finally:
            if future.cancelled():
                self.abandoned += 1
                metrics.meters().abandoned.labels(self.name).inc()
                log.warning("call abandoned", tier=self.name, call=name, running=self.running, limit=self.limit)

    async def take_place(self) -> None:
        """Wait until fewer calls run than may."""
        if not self.places.locked():
            await self.places.acquire()
            return
        if self.waiting >= self.waiters:
            self.refused += 1
            metrics.count_refusal(f"offload-{self.name}")
            raise busy("As much of this work as can be done at once is waiting already. Try again shortly.")
        self.waiting += 1
        try:
            async with asyncio.timeout(time_left(self.patience)):
                await self.places.acquire()
        except TimeoutError:
            self.timed_out += 1
            metrics.count_refusal(f"offload-{self.name}")
            raise busy("Too much work of this kind is under way. Try again shortly.") from None
        finally:
            self.waiting -= 1

    def start(self, work: Callable[[], None]) -> None:
        """Let a thread do the work: one that is free, or a new one."""
        if self.running > self.threads:
            self.threads += 1
            threading.Thread(target=self.serve, name=f"offload-{self.name}-{self.threads}", daemon=True).start()
        self.work.put(work)

    def serve(self) -> None:
        """Do what is to be done, until told to end."""
        while work := self.work.get():
            work()
            del work  # and with it the result, however long the next call is in coming

    def work_on(self, name: str, future: asyncio.Future[Any], call: Callable[[], object]) -> None:
        """Run a call in this thread, and tell the event loop."""
        result, error = None, None
        began = time.perf_counter()
        try:
            result = call()
        except BaseException as raised:
            error = raised
        seconds = time.perf_counter() - began
        with suppress(RuntimeError):  # the event loop has closed without waiting any longer
            future.get_loop().call_soon_threadsafe(self.finish, name, future, result, error, seconds)

    def finish(
        self, name: str, future: asyncio.Future[Any], result: object, error: BaseException | None, seconds: float
    ) -> None:
        """Give the place of a call back, and answer if anybody still waits."""
        self.running -= 1
        self.places.release()
        metrics.meters().offload_run.labels(self.name, name).observe(seconds)
        if future.done():
            log.info("abandoned call ended", tier=self.name, seconds=round(seconds, 3), error=error and repr(error))
        elif error:
            future.set_exception(error)
        else:
            future.set_result(result)

    async def close(self, seconds: float) -> None:
        """Wait for running calls, for so many seconds at most, and say what is left."""
        try:
            async with asyncio.timeout(seconds):
                for _ in range(self.limit):
                    await self.places.acquire()
        except TimeoutError:
            log.warning("calls left running", tier=self.name, running=self.running, seconds=seconds)
        for _ in range(self.threads):
            self.work.put(None)
