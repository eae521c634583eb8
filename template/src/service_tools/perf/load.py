# kit: updated by the template; extend it from app.py
"""Load: requests at a rate, whatever becomes of them, or as fast as some connections can. It knows of no scenarios."""

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from time import perf_counter
from typing import Any

import uvloop

from service_tools.perf.client import Address, Call, Record, Sample
from service_tools.perf.pool import Pool

MOST_CONNECTIONS = 500
"""At once. What exceeds them waits for one, and counts as waiting for its answer."""

TICK = 0.001
"""Seconds that a timer of uvloop, or of epoll, may be late. They are not held against the service."""

PATIENCE = 10.0
"""Seconds for which answers are awaited after the last request."""


async def at_rate(
    address: Address, calls: Iterator[Call], rate: float, seconds: float, record: Record, patience: float = PATIENCE
) -> None:
    """Send `rate` requests a second, evenly, and `record` a sample of each.

    A slow answer delays no other request, and a sample's time counts from when its request was due. A client that waits
    for an answer before it sends again would leave out the very requests that a stall hurts.
    """
    pool = Pool(address, MOST_CONNECTIONS, record)
    began = perf_counter()
    for number in range(max(1, round(rate * seconds))):
        due = began + number / rate
        await asyncio.sleep(max(0, due - perf_counter()))
        pool.submit(next(calls), min(perf_counter(), due + TICK))
    await pool.finish(patience)


async def through_connections(
    address: Address, calls: Iterator[Call], connections: int, seconds: float, record: Record
) -> None:
    """Let each connection send its next request when it has an answer, and `record` a sample of each.

    That finds how many requests there can be. How long they take is no measure of what clients see.
    """
    end = perf_counter() + seconds

    def go_on(sample: Sample) -> None:
        record(sample)
        if perf_counter() < end:
            pool.submit(next(calls), perf_counter())

    pool = Pool(address, connections, go_on)
    for _ in range(connections):
        pool.submit(next(calls), perf_counter())
    await asyncio.sleep(seconds)
    await pool.finish(PATIENCE)


def run[Result](work: Coroutine[Any, Any, Result]) -> Result:
    """Run load to its end, on a loop of its own."""
    gc.collect()
    gc.disable()  # a collection would look like slow answers
    try:
        return uvloop.run(work)
    finally:
        gc.enable()
