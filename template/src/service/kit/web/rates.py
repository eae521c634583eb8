# kit: updated by the template; extend it from app.py
"""Limits each caller to the rate of a route, in each worker or over all of them."""

import time
from datetime import timedelta
from hashlib import sha256
from math import ceil

import msgspec

from service.kit.db.database import Database
from service.kit.db.errors import ERRORS
from service.kit.db.query import Query
from service.kit.web.routes import Rate
from service.kit.work import addresses, metrics
from service.kit.work.asgi import Scope
from service.kit.work.limits import DeadlineError, TimeLimit
from service.kit.work.problems import Problem

MAX_CALLERS = 10_000
"""Callers that a worker remembers for one rate, in about 2 MB. The one that was silent longest is
forgotten first."""

MAX_WAIT = 1.0
"""Seconds that a request waits for the count over all workers; then its worker counts alone."""


class Count(msgspec.Struct, frozen=True):
    """Whether a request was taken, and the seconds until its caller has all requests back."""

    is_taken: bool
    used: float


# One row for each caller of a rate: $2 is what a request takes of the time $3. The clock is read
# once the row is locked, so requests that waited for it are not early. Each deletes up to ten
# expired rows.
count_request = Query(
    """
    with expired as (
        delete from kit.rates
         where digest = any(array(
               select digest
                 from kit.rates
                where expires_at <= now() at time zone 'UTC' and digest <> $1
                order by expires_at
                limit 10
                  for update skip locked
         ))
    ), counted as (
        insert into kit.rates as kept (digest, whole_at)
        values ($1, clock_timestamp() + $2::interval)
            on conflict (digest) do update
           set whole_at = greatest(kept.whole_at, clock_timestamp()) + $2
         where greatest(kept.whole_at, clock_timestamp()) + $2 <= clock_timestamp() + $3::interval
        returning whole_at
    )
    select exists (select from counted) as is_taken,
           extract(epoch from coalesce(
               (select whole_at from counted),
               (select whole_at from kit.rates where digest = $1),
               clock_timestamp()
           ) - clock_timestamp())::float8 as used
    """,
    Count,
    tuple[bytes, timedelta, timedelta],
)


class RateLimit:
    """Limits each caller to a rate. `whole_at` is when a caller has all of its requests back.

    With a database, all workers count together, under a name; each remembers what it was told.
    """

    def __init__(self, rate: Rate, db: Database | None = None, name: str = "") -> None:
        self.rate = rate
        self.db = db
        self.name = name
        self.share = rate.per / rate.requests
        self.whole_at: dict[str, float] = {}

    async def take(self, scope: Scope) -> None:
        """Count a request. Raises a 429 problem when it is one too many."""
        caller = scope["auth"].id if "auth" in scope else addresses.identify_client(scope)
        # The others can only have counted more, so what one worker refuses costs no statement.
        wait = self.count(caller)
        if wait <= 0 and self.db:
            wait = await self.count_over_all(self.db, caller)
        if wait > 0:
            metrics.get_metrics().rate_limited.labels(scope["path_template"]).inc()
            raise self.refuse(ceil(wait))

    def count(self, caller: str) -> float:
        """Return for how many seconds a caller has to wait, by what this worker knows."""
        now = time.monotonic()
        whole_at = max(now, self.whole_at.pop(caller, now))
        used = whole_at + self.share - now
        wait = round(used - self.rate.per, 6)
        self.remember(caller, whole_at if wait > 0 else whole_at + self.share)
        return wait

    async def count_over_all(self, db: Database, caller: str) -> float:
        """Return for how many seconds a caller has to wait, by what all workers have counted."""
        digest = sha256(msgspec.json.encode((self.name, caller))).digest()
        # Rounded down: all requests together must not take longer than `per`.
        share = timedelta(microseconds=int(self.share * 1e6))
        try:
            with TimeLimit(db.pool.deadlines, MAX_WAIT):
                counted = await db.fetch_one(
                    count_request, digest, share, timedelta(seconds=self.rate.per)
                )
        except (Problem, DeadlineError, *ERRORS):
            metrics.get_metrics().rates_unshared.inc()
            return 0  # this worker has counted it
        self.remember(caller, time.monotonic() + counted.used)
        if counted.is_taken:
            return 0
        return max(counted.used + self.share - self.rate.per, 1e-6)

    def remember(self, caller: str, whole_at: float) -> None:
        self.whole_at[caller] = whole_at
        if len(self.whole_at) > MAX_CALLERS:
            del self.whole_at[next(iter(self.whole_at))]

    def refuse(self, seconds: int) -> Problem:
        rate = f"{self.rate.requests:,} requests in {self.rate.per:g} seconds"
        detail = f"{rate} are allowed here. Try again in {seconds} seconds."
        headers = {"retry-after": str(seconds)}
        return Problem(429, "too-many-requests", detail, headers=headers)
