# kit: updated by the template; extend it from app.py
"""A cache of expensive values: kept for some seconds, computed once for all concurrent readers."""

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


class CacheOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """CACHE_*: how many values a worker keeps, and for how long."""

    entries: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """values kept per worker; the least recently used go"""
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 10
    """seconds a value is kept; 0: only until it is computed"""
    timeout: Seconds = 10
    """seconds a value may take to compute, then 504"""


class Cache:
    """The values that one worker keeps.

    Each is kept under the function that computes it and all of its arguments, so it may depend on
    nothing else: what belongs to a caller needs `caller.id` among them. Readers share a value, so
    do not change it.
    """

    def __init__(self, options: CacheOptions | None = None) -> None:
        self.options = options or CacheOptions()
        remember = alru_cache(self.options.entries, typed=True, ttl=self.options.seconds)
        self.values = remember(self.compute)
        gauge = metrics.get_metrics().cache_entries
        metrics.watch_gauge(gauge, lambda: self.values.cache_info().currsize)

    async def get[**P, R](
        self, function: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what a function returns for these arguments, now or some seconds ago.

        The function must be at the top level of a module, and the arguments hashable. An error goes
        to all that wait for the value, and is not kept. When nobody waits any more, the function is
        cancelled.
        """
        if "<locals>" in getattr(function, "__qualname__", "<locals>"):
            raise TypeError(
                f"{function}: cache a function of a module, and pass what it needs as arguments"
            )
        is_kept = self.values.cache_contains(function, *args, **kwargs)
        outcome = "hit" if is_kept else "miss"
        metrics.get_metrics().cache_reads.labels(outcome).inc()
        with Span("cache"):
            return cast("R", await self.values(function, *args, **kwargs))

    async def compute(
        self, function: Callable[..., Coroutine[Any, Any, object]], *args: Any, **kwargs: Any
    ) -> object:
        """Call the function outside of any request: others may wait longer than the first."""
        context.begin_work(request_id(), self.options.timeout)
        timeout = asyncio.timeout(self.options.timeout)
        try:
            async with timeout:
                return await function(*args, **kwargs)
        except TimeoutError:
            if not timeout.expired():  # it is the function's own
                raise
            detail = "This took too long to compute. Try again later."
            raise Problem(504, "timeout", detail) from None
