# kit: updated by the template; extend it from app.py
"""Work that would block the event loop: in a thread when it waits or releases the GIL, in a process when it computes.

Both are bounded, and refuse when they are full. Work that must survive the process, or outlast its request, does not
belong here.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, Field

from service.kit.edge import Seconds, Span, limits, metrics
from service.kit.offload.processes import Children
from service.kit.offload.threads import Tier

Limit = Annotated[int, Field(ge=1, le=1000)]
Waiters = Annotated[int, Field(ge=0, le=10_000)]


class OffloadOptions(BaseModel, frozen=True):
    """OFFLOAD_*: how much work of one worker runs beside its event loop, and how much may wait for that."""

    threads: Annotated[Limit, Field(description="calls in threads at once")] = 8
    thread_waiters: Annotated[Waiters, Field(description="calls that may wait for a thread, then 503")] = 32
    thread_wait: Annotated[Seconds, Field(description="seconds that they wait, then 503")] = 1
    processes: Annotated[
        Limit | None, Field(description="calls in processes at once; by default one for each core, shared")
    ] = None
    process_waiters: Annotated[Waiters, Field(description="calls that may wait for a process, then 503")] = 8
    process_wait: Annotated[Seconds, Field(description="seconds that they wait, then 503")] = 3
    drain_timeout: Annotated[Seconds, Field(description="seconds for calls to end when the service stops")] = 1


class Offload:
    """Runs calls beside the event loop. List it among the resources in app.py, and hand it to handlers.

    `threads` and `processes` count what runs, waits and was refused. `imports` names modules that each process loads
    when it starts, before its first call.
    """

    def __init__(self, options: OffloadOptions | None = None, imports: Sequence[str] = ()) -> None:
        self.options = options = options or OffloadOptions()
        self.threads = Tier("thread", options.threads, options.thread_waiters, options.thread_wait)
        self.processes = Tier("process", options.processes or 1, options.process_waiters, options.process_wait)
        self.children = Children(imports)
        self.is_open = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        for tier in (self.threads, self.processes):
            metrics.watch(metrics.meters().offloaded.labels(tier.name), partial(getattr, tier, "running"))
            metrics.watch(metrics.meters().offload_waiting.labels(tier.name), partial(getattr, tier, "waiting"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for what runs, up to the drain time-out, and end the processes. Threads end with this one."""
        self.is_open = False
        async with asyncio.TaskGroup() as group:
            for tier in (self.threads, self.processes):
                group.create_task(tier.close(self.options.drain_timeout))
        await asyncio.to_thread(self.children.end)

    async def in_thread[**P, Result](
        self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """Call a function that waits, or releases the GIL, in a thread. Raises a 503 problem when no place is free."""
        return await self.run(self.threads, function, partial(function, *args, **kwargs))

    async def in_process[**P, Result](
        self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """Call a function that computes in a process. Raises a 503 problem when no place is free, or the process dies.

        The function stands at the top level of a module; its arguments and its result are pickled, which blocks the
        event loop for as long as it takes: hand over bytes and lists of numbers rather than many objects.
        """
        call = partial(self.children.call, function, args, kwargs)
        return cast("Result", await self.run(self.processes, function, call))

    async def run[Result](self, tier: Tier, function: Callable[..., Any], call: Callable[[], Result]) -> Result:
        """Run a call on the account of its function and of the request."""
        if not self.is_open:
            raise RuntimeError("offload is not open; list it among the resources in app.py")
        with Span("offload"):
            return await tier.run(getattr(function, "__name__", type(function).__name__), call)


def choose_processes(workers: int) -> int:
    """Return how many processes each worker may compute in when no setting says so: all cores, shared."""
    return max(1, round(limits.count_cores() / workers))
