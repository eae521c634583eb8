# kit: updated by the template; extend it from app.py
"""Work that is done again as a whole, because a transaction of it had to yield to another."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from service.kit.db import errors
from service.kit.edge import busy, time_left

TRIES = 3
PAUSE = 0.05
"""Seconds before the second try, at most; before the third, twice that. Chance keeps two from colliding again."""


async def rerun[Result](work: Callable[[], Awaitable[Result]]) -> Result:
    """Return the result of `work`, which is begun anew when it ends by a conflict. Raises a 503 problem after the last.

    Nothing else is repeated. Least of all a transaction whose connection was lost: it may have been committed.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return await work()
        except errors.CONFLICTS as error:
            pause = random.uniform(0, PAUSE * attempt)
            if attempt == TRIES or time_left(pause) < pause:
                raise busy("Other requests kept changing the same at the same time.") from error
            await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")
