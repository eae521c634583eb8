# kit: updated by the template; extend it from app.py
"""What one worker runs beside its event loop, how much of it at once, and how it ends."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, Field

from service.kit.edge import Seconds, Span, count_cores, metrics
from service.kit.offload.processes import Processes
from service.kit.offload.threads import ThreadPool

Limit = Annotated[int, Field(ge=1, le=1000)]
Waiters = Annotated[int, Field(ge=0, le=10_000)]


class OffloadOptions(BaseModel, frozen=True):
    """OFFLOAD_*: calls that one worker runs beside its event loop, and calls that may wait for a place."""

    threads: Annotated[Limit, Field(description="calls in threads at once")] = 8
    thread_waiters: Annotated[Waiters, Field(description="calls that may wait for a thread; more get 503")] = 32
    thread_wait: Annotated[Seconds, Field(description="seconds a call waits for a thread, then 503")] = 1
    hashes: Annotated[Limit | None, Field(description="passwords hashed at once; default: cores / workers")] = None
    processes: Annotated[Limit | None, Field(description="calls in processes at once; default: cores / workers")] = None
    process_waiters: Annotated[Waiters, Field(description="calls that may wait for a process; more get 503")] = 8
    process_wait: Annotated[Seconds, Field(description="seconds a call waits for a process, then 503")] = 3
    drain_timeout: Annotated[Seconds, Field(description="seconds for calls to finish when the service stops")] = 1


class Offload:
    """Runs calls beside the event loop. List it among the resources in app.py; handlers ask for it by its type.

    Work that must survive the process, or outlast its request, does not belong here. `imports` names modules that each
    computing process loads when it starts, before its first call.
    """

    def __init__(self, options: OffloadOptions | None = None, imports: Sequence[str] = ()) -> None:
        self.options = options = options or OffloadOptions()
        self.threads = ThreadPool("thread", options.threads, options.thread_waiters, options.thread_wait)
        self.hashes = ThreadPool("password", options.hashes or 1, options.thread_waiters, options.thread_wait)
        self.processes = ThreadPool("process", options.processes or 1, options.process_waiters, options.process_wait)
        self.pools = (self.threads, self.hashes, self.processes)
        self.computing = Processes(imports)
        self.is_open = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        for pool in self.pools:
            metrics.watch(metrics.meters().offloaded.labels(pool.name), partial(getattr, pool, "running"))
            metrics.watch(metrics.meters().offload_waiting.labels(pool.name), partial(getattr, pool, "waiting"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for running calls up to the drain timeout, then end the processes. Threads end with this process."""
        self.is_open = False
        await asyncio.gather(*(pool.close(self.options.drain_timeout) for pool in self.pools))
        await asyncio.to_thread(self.computing.end)

    async def in_thread[**P, R](self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function that waits, or releases the GIL, in a thread. Raises a 503 problem when no place is free."""
        return await self.run(self.threads, function, partial(function, *args, **kwargs))

    async def hash_in_thread[**P, R](self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function that hashes a password, as `in_thread` does, within a bound of its own.

        A hash occupies a core: with one in every thread, a flood of sign-ins would starve the event loop.
        """
        return await self.run(self.hashes, function, partial(function, *args, **kwargs))

    async def in_process[**P, R](self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function that computes, in a process. Raises a 503 problem when no place is free or the process dies.

        The function is at the top level of a module. Pickling its arguments and its result blocks the event loop: pass
        bytes and lists of numbers rather than many objects.
        """
        call = partial(self.computing.call, function, args, kwargs)
        return cast("R", await self.run(self.processes, function, call))

    async def run[R](self, pool: ThreadPool, function: Callable[..., Any], call: Callable[[], R]) -> R:
        if not self.is_open:
            raise RuntimeError("offload is not open; list it among the resources in app.py")
        with Span("offload"):
            return await pool.run(getattr(function, "__name__", type(function).__name__), call)


def share_cores(workers: int) -> int:
    """Return how many calls each worker may compute at once when no setting says so."""
    return max(1, count_cores() // workers)
