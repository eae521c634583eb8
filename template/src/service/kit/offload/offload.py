# kit: updated by the template; extend it from app.py
"""What one worker runs beside its event loop, in threads and processes: how much of it at once, and
how it ends.
"""

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Annotated, Any, Self, cast

import structlog
from pydantic import BaseModel, Field

from service.kit.offload.processes import Processes
from service.kit.work import metrics
from service.kit.work.cores import count_cores
from service.kit.work.limits import Limiter, Span, time_left
from service.kit.work.options import Seconds
from service.kit.work.problems import Problem

log = structlog.get_logger()

FULL = "Too much work of this kind is under way. Try again shortly."

Limit = Annotated[int, Field(ge=1, le=1000)]
Waiters = Annotated[int, Field(ge=0, le=10_000)]


class OffloadOptions(BaseModel, frozen=True):
    """OFFLOAD_*: calls that one worker runs beside its event loop, and calls that may wait for a
    place.
    """

    threads: Annotated[Limit, Field(description="calls in threads at once")] = 8
    thread_waiters: Annotated[
        Waiters, Field(description="calls that may wait for a thread; more get 503")
    ] = 32
    thread_wait: Annotated[
        Seconds, Field(description="seconds a call waits for a thread, then 503")
    ] = 1
    hashes: Annotated[
        Limit | None, Field(description="passwords checked at once; default: cores / workers")
    ] = None
    new_hashes: Annotated[
        Limit, Field(description="new passwords hashed at once, beside those checked")
    ] = 1
    processes: Annotated[
        Limit | None, Field(description="calls in processes at once; default: cores / workers")
    ] = None
    process_waiters: Annotated[
        Waiters, Field(description="calls that may wait for a process; more get 503")
    ] = 8
    process_wait: Annotated[
        Seconds, Field(description="seconds a call waits for a process, then 503")
    ] = 3
    drain_timeout: Annotated[
        Seconds, Field(description="seconds for calls to finish when the service stops")
    ] = 1


class ThreadPool(Limiter):
    """A limiter with a thread for each of its places.

    A running call cannot be aborted. When its request ends first, the request is released and the
    call runs on in its place. The threads are daemons: none keeps the process from ending.
    """

    def __init__(self, name: str, limit: int, waiters: int, patience: float) -> None:
        super().__init__(limit, waiters, patience, FULL, f"offload-{name}")
        self.name = name
        self.threads = 0
        self.work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run[Result](
        self, name: str, call: Callable[[], Result], begins: Callable[[], None] | None = None
    ) -> Result:
        """Return what a call returns.

        Raises a 503 problem without a place for it, 504 past the request's deadline. `begins` is
        called when there is a place: from then on the call runs, whatever becomes of its request.
        """
        began = time.perf_counter()
        await self.enter()
        if begins:
            begins()
        metrics.get_metrics().offload_wait_seconds.labels(self.name, name).observe(
            time.perf_counter() - began
        )
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if self.running > self.threads:
            self.threads += 1
            threading.Thread(
                target=self.serve, name=f"offload-{self.name}-{self.threads}", daemon=True
            ).start()
        self.work.put(
            partial(self.work_on, name, future, partial(contextvars.copy_context().run, call))
        )
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
                metrics.get_metrics().offload_abandoned.labels(self.name).inc()
                log.warning(
                    "call abandoned",
                    pool=self.name,
                    call=name,
                    running=self.running,
                    limit=self.limit,
                )

    def serve(self) -> None:
        while work := self.work.get():
            work()
            del work  # and with it the result, however long the next call is in coming

    def work_on[Result](
        self, name: str, future: asyncio.Future[Result], call: Callable[[], Result]
    ) -> None:
        """Run a call in this thread, and tell the event loop."""
        began = time.perf_counter()
        try:
            tell = partial(future.set_result, call())
        except BaseException as error:
            tell = partial(future.set_exception, error)
        seconds = time.perf_counter() - began
        with suppress(RuntimeError):  # the event loop has closed without waiting any longer
            future.get_loop().call_soon_threadsafe(self.finish, name, future, tell, seconds)

    def finish(
        self, name: str, future: asyncio.Future[Any], tell: Callable[[], None], seconds: float
    ) -> None:
        """Free the place of a call, and answer if anybody still waits."""
        self.leave()
        metrics.get_metrics().offload_run_seconds.labels(self.name, name).observe(seconds)
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


class Offload:
    """Runs calls beside the event loop. List it among the resources in app.py; handlers ask for it
    by its type.

    Work that must survive the process, or outlast its request, does not belong here. `imports`
    names modules that each computing process loads when it starts, before its first call.
    """

    def __init__(self, options: OffloadOptions | None = None, imports: Sequence[str] = ()) -> None:
        self.options = options = options or OffloadOptions()
        self.threads = ThreadPool(
            "thread", options.threads, options.thread_waiters, options.thread_wait
        )
        self.hashes = ThreadPool(
            "password", options.hashes or 1, options.thread_waiters, options.thread_wait
        )
        waiters, wait = options.thread_waiters, options.thread_wait
        self.new_hashes = ThreadPool("new-password", options.new_hashes, waiters, wait)
        self.processes = ThreadPool(
            "process", options.processes or 1, options.process_waiters, options.process_wait
        )
        self.pools = (self.threads, self.hashes, self.new_hashes, self.processes)
        self.computing = Processes(imports)
        self.is_open = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        for pool in self.pools:
            metrics.watch_gauge(
                metrics.get_metrics().offload_running.labels(pool.name),
                partial(getattr, pool, "running"),
            )
            metrics.watch_gauge(
                metrics.get_metrics().offload_waiting.labels(pool.name),
                partial(getattr, pool, "waiting"),
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for running calls up to the drain timeout, then end the processes. Threads end with
        this process.
        """
        self.is_open = False
        await asyncio.gather(*(pool.close(self.options.drain_timeout) for pool in self.pools))
        await asyncio.to_thread(self.computing.end)

    async def in_thread[**P, R](
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that waits, or releases the GIL, in a thread. Raises a 503 problem when
        no place is free.
        """
        return await self.run(self.threads, function, partial(function, *args, **kwargs))

    async def hash_in_thread[**P, R](
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that checks a password, as `in_thread` does, within a bound of its own.

        A hash occupies a core: with one in every thread, a flood of sign-ins would starve the event
        loop. New passwords have other places (`hash_password` of the room auth), so that a flood of
        sign-ups keeps nobody from signing in.
        """
        return await self.run(self.hashes, function, partial(function, *args, **kwargs))

    async def in_process[**P, R](
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that computes, in a process. Raises a 503 problem when no place is free
        or the process dies.

        The function is at the top level of a module. Pickling its arguments and its result blocks
        the event loop: pass bytes and lists of numbers rather than many objects.
        """
        call = partial(self.computing.call, function, args, kwargs)
        return cast("R", await self.run(self.processes, function, call))

    async def run[R](
        self,
        pool: ThreadPool,
        function: Callable[..., Any],
        call: Callable[[], R],
        begins: Callable[[], None] | None = None,
    ) -> R:
        if not self.is_open:
            raise RuntimeError("offload is not open; list it among the resources in app.py")
        with Span("offload"):
            return await pool.run(
                getattr(function, "__name__", type(function).__name__), call, begins
            )


def share_cores(workers: int) -> int:
    """Return how many calls each worker may compute at once when no setting says so."""
    return max(1, count_cores() // workers)
