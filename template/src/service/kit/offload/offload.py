# kit: updated by the template; extend it from app.py
"""Runs calls alongside the event loop, in threads and in processes, within the limits OFFLOAD_*."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, Field

from service.kit.offload.processes import Processes
from service.kit.offload.thread_pool import ThreadPool
from service.kit.work import metrics
from service.kit.work.cores import count_cores
from service.kit.work.limits import Span
from service.kit.work.options import Seconds

Limit = Annotated[int, Field(ge=1, le=1000)]
MaxWaiting = Annotated[int, Field(ge=0, le=10_000)]


MAX_FILE_WAITERS = 10_000
"""Calls that may wait for a thread that uses files. The edge limits the uploads that make them."""


class OffloadOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """OFFLOAD_*: how many calls one worker runs alongside its event loop, and how many may wait."""

    threads: Limit = 8
    """calls in threads at once"""
    thread_waiters: MaxWaiting = 32
    """calls that may wait for a thread; more get 503"""
    thread_wait: Seconds = 1
    """seconds a call waits for a thread, then 503"""
    hashes: Limit | None = None
    """passwords checked at once; default: cores / workers"""
    new_hashes: Limit = 1
    """new passwords hashed at once, apart from those checked"""
    processes: Limit | None = None
    """calls in processes at once; default: cores / workers"""
    file_threads: Limit = 4
    """reads and writes of uploaded files at once; more wait"""
    process_waiters: MaxWaiting = 8
    """calls that may wait for a process; more get 503"""
    process_wait: Seconds = 3
    """seconds a call waits for a process, then 503"""
    drain_timeout: Seconds = 1
    """seconds for calls to finish when the service stops"""


class Offload:
    """Runs calls alongside the event loop.

    List it among the resources in app.py; handlers ask for it by its type. Work that must survive
    the process, or outlast its request, is a job instead. `imports` names modules that each
    computing process imports when it starts.
    """

    def __init__(self, options: OffloadOptions | None = None, imports: Sequence[str] = ()) -> None:
        options = options or OffloadOptions()
        self.options = options
        waiters, wait = options.thread_waiters, options.thread_wait
        self.threads = ThreadPool("thread", options.threads, waiters, wait)
        self.hashes = ThreadPool("password", options.hashes or 1, waiters, wait)
        self.new_hashes = ThreadPool("new-password", options.new_hashes, waiters, wait)
        self.processes = ThreadPool(
            "process", options.processes or 1, options.process_waiters, options.process_wait
        )
        self.files = ThreadPool("file", options.file_threads, MAX_FILE_WAITERS, inf)
        self.pools = (self.threads, self.hashes, self.new_hashes, self.processes, self.files)
        self.computing = Processes(imports)
        self.is_open = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        measured = metrics.get_metrics()
        for pool in self.pools:
            running = partial(getattr, pool, "running")
            waiting = partial(getattr, pool, "waiting")
            metrics.watch_gauge(measured.offload_running.labels(pool.name), running)
            metrics.watch_gauge(measured.offload_waiting.labels(pool.name), waiting)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for running calls up to the drain timeout, then end the computing processes.

        Threads cannot be ended: they end with this process.
        """
        self.is_open = False
        await asyncio.gather(*(pool.close(self.options.drain_timeout) for pool in self.pools))
        await asyncio.to_thread(self.computing.end)

    async def in_thread[**P, R](
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that waits, or releases the GIL, in a thread.

        Raises a 503 problem when no thread becomes free in time.
        """
        return await self.run(self.threads, function, partial(function, *args, **kwargs))

    async def hash_in_thread[**P, R](
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that checks a password in a thread, within a limit of its own.

        A hash occupies a core: with one in every thread, a flood of sign-ins would starve the event
        loop. New passwords have other threads (`hash_password` of auth/passwords.py), so that a
        flood of sign-ups keeps nobody from signing in.
        """
        return await self.run(self.hashes, function, partial(function, *args, **kwargs))

    async def use_file[**P, R](
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that opens, reads or writes an uploaded file, in a thread.

        These have threads of their own, so that a slow disk delays nothing else, and wait for one
        until the deadline of the request.
        """
        return await self.run(self.files, function, partial(function, *args, **kwargs))

    async def in_process[**P, R](
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that computes, in a process.

        The function must be at the top level of a module. Pickling its arguments and its result
        blocks the event loop: pass bytes and lists of numbers rather than many objects. Raises a
        503 problem when no process becomes free in time, or when the process dies.
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
        """Run a call in a pool, under the name of its function in metrics and logs."""
        if not self.is_open:
            raise RuntimeError("offload is not open; list it among the resources in app.py")
        name = getattr(function, "__name__", type(function).__name__)
        with Span("offload"):
            return await pool.run(name, call, begins)


def share_cores(workers: int) -> int:
    """Return how many calls each worker may compute at once, for when no setting says so."""
    return max(1, count_cores() // workers)
