# kit: updated by the template; extend it from app.py
"""What was expensive to read is kept for some seconds, and computed once for all who ask at the
same time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, cast

from async_lru import alru_cache
from pydantic import BaseModel, Field

from service.kit.work import context, metrics
from service.kit.work.context import request_id
from service.kit.work.limits import Span
from service.kit.work.options import Seconds
from service.kit.work.problems import Problem


class CacheOptions(BaseModel, frozen=True):
    """CACHE_*: how much a worker keeps of what was expensive to read, and for how long."""

    entries: Annotated[
        int, Field(ge=1, le=1_000_000, description="values kept per worker; the least used go")
    ] = 1000
    seconds: Annotated[
        float, Field(ge=0, le=86_400, description="seconds a value is kept; 0: until it is there")
    ] = 10
    timeout: Annotated[
        Seconds, Field(description="seconds a value may take to compute, then 504")
    ] = 10


class Cache:
    """The values that one worker keeps.

    Each is kept under the function that computes it and all of its arguments, so they are all that
    it may depend on: what belongs to a caller needs `caller.id` among them. Whoever gets a value
    shares it, and leaves it as it is.
    """

    def __init__(self, options: CacheOptions | None = None) -> None:
        self.options = options or CacheOptions()
        self.values = alru_cache(self.options.entries, typed=True, ttl=self.options.seconds)(
            self.compute
        )
        metrics.watch_gauge(metrics.meters().cached, lambda: self.values.cache_info().currsize)

    async def get[**P, R](
        self, function: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what a function returns for these arguments, now or some seconds ago.

        The function is at the top level of a module, and the arguments can be hashed. An error goes
        to all who wait for the value, and is not kept. Who leaves does not disturb the others; when
        nobody waits any more, it is cancelled.
        """
        if "<locals>" in getattr(function, "__qualname__", "<locals>"):
            raise TypeError(
                f"{function}: cache a function of a module, and pass what it needs as arguments"
            )
        outcome = "hit" if self.values.cache_contains(function, *args, **kwargs) else "miss"
        metrics.meters().cache_reads.labels(outcome).inc()
        with Span("cache"):
            return cast("R", await self.values(function, *args, **kwargs))

    async def compute(
        self, function: Callable[..., Coroutine[Any, Any, object]], *args: Any, **kwargs: Any
    ) -> object:
        """Call the function outside of any request: others may wait longer than the one that asked
        first.
        """
        context.begin_work(request_id(), self.options.timeout)
        deadline = asyncio.timeout(self.options.timeout)
        try:
            async with deadline:
                return await function(*args, **kwargs)
        except TimeoutError:
            if deadline.expired():
                raise Problem(
                    504, "timeout", "This took too long to compute. Try again later."
                ) from None
            raise
