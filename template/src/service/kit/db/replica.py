# kit: updated by the template; extend it from app.py
"""Measures how far a replica lags, so that its reads can go to the primary instead."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from math import inf

from service.kit.db.errors import ERRORS, DatabaseError
from service.kit.db.query import Query
from service.kit.work import metrics
from service.kit.work.problems import Problem

type ReadPosition = Callable[[], Awaitable[int]]

CHECKS = 5
"""Checks within the time that a replica may lag."""

MAX_INTERVAL = 1.0
"""Seconds between two checks, at most."""

MAX_POSITIONS = 1000
"""Positions of the primary that are remembered, until the replica has reached them."""

read_position: Query[int] = Query(
    """
    select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                 else pg_current_wal_lsn()
             end - '0/0'::pg_lsn)::bigint
    """,
    int,
)
"""How far a server has written, or replayed, the write-ahead log: a promoted replica goes on
where it was."""


class ReplicaLag:
    """How old what a replica shows may be, by the positions that the primary was seen at.

    So clocks need not agree, and a primary that writes nothing is no lag. While the primary cannot
    be reached, or says nothing for `maximum` seconds, it counts as where it was last seen.
    """

    def __init__(
        self, read_primary: ReadPosition, read_replica: ReadPosition, maximum: float
    ) -> None:
        self.read_primary = read_primary
        self.read_replica = read_replica
        self.maximum = maximum
        self.interval = min(MAX_INTERVAL, maximum / CHECKS)
        self.latest = inf
        self.heard_at = time.monotonic()
        self.written: deque[tuple[float, float]] = deque(maxlen=MAX_POSITIONS)
        self.fresh_at = -inf

    def measure(self) -> float:
        """Return the seconds since the replica was as new as the primary."""
        return time.monotonic() - self.fresh_at

    def is_too_long(self) -> bool:
        return self.measure() > self.maximum

    async def watch(self) -> None:
        """Check until cancelled."""
        metrics.watch_gauge(metrics.get_metrics().replica_lag, self.measure)
        while True:
            await self.check()
            await asyncio.sleep(self.interval)

    async def check(self) -> None:
        """Compare the replica with the primary. If it cannot be reached, its reads leave it."""
        began = time.monotonic()
        written = await self.ask(self.read_primary)
        if written:
            self.latest = written
            self.heard_at = began
        if written is not None or began - self.heard_at > self.maximum:
            self.written.append((began, self.latest))
        replayed = await self.ask(self.read_replica)
        if replayed:
            reached = [seen_at for seen_at, position in self.written if position <= replayed]
            self.fresh_at = max(self.fresh_at, *reached, -inf)
        elif replayed is not None:
            self.fresh_at = -inf

    async def ask(self, read: ReadPosition) -> int | None:
        """Return a position, 0 if the server cannot be reached, or None if it is late."""
        try:
            async with asyncio.timeout(self.interval):
                return await read()
        except TimeoutError:
            return None
        except (Problem, DatabaseError, *ERRORS):
            return 0
