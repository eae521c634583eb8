# kit: updated by the template; extend it from app.py
"""Refuses the tokens that a subject got before it signed out everywhere, was deleted or locked out.

Each worker holds what is revoked in memory, so a request makes no statement. Every few seconds it
reads what has changed since, by one index.
"""

import asyncio
import time
from contextvars import Context
from datetime import timedelta
from math import inf
from typing import Annotated, Self

import msgspec
import structlog
from pydantic import BaseModel, Field

from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.db.sessions import connect
from service.kit.work import metrics
from service.kit.work.limits import FullError
from service.kit.work.options import Seconds

log = structlog.get_logger(__name__)

NOTHING_READ = "0"
"""The horizon before the first reading. No transaction is older."""


class RevocationOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """REVOCATIONS_*: how soon workers refuse revoked tokens, and how many they know."""

    interval: Seconds = 2
    """seconds between two looks for revoked tokens"""
    keep: Annotated[float, Field(ge=60, le=31_536_000)] = 90_000
    """seconds until a revocation is forgotten; older tokens are refused"""
    max_subjects: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """subjects that a worker remembers, in 200 bytes each"""


class Changes(msgspec.Struct, frozen=True):
    """What was revoked, the oldest first: subjects, and for each the Unix time until when.

    Transactions before `horizon` have ended, and are included.
    """

    subjects: list[str]
    not_before: list[float]
    horizon: str


# The latest ones, if there are too many.
read_changes = Query(
    """
    select coalesce(array_agg(subject order by not_before), '{}') as subjects,
           coalesce(
               array_agg(extract(epoch from not_before)::float8 order by not_before), '{}'
           ) as not_before,
           pg_snapshot_xmin(pg_current_snapshot())::text as horizon
      from (
           select subject, not_before
             from kit.revocations
            where changed_by >= $1::text::xid8
            order by not_before desc
            limit $2
           ) as latest
    """,
    Changes,
    tuple[str, int],
)

# Every new row deletes up to ten expired ones. The time is that of the statement, not of the
# transaction: a token that was issued meanwhile is older.
insert_revocation = Query(
    """
    with expired as (
        delete from kit.revocations
         where subject = any(array(
               select subject
                 from kit.revocations
                where expires_at <= now() and subject <> $1
                order by expires_at
                limit 10
                  for update skip locked
         ))
    )
    insert into kit.revocations as kept (subject, expires_at)
    values ($1, clock_timestamp() + $2::interval)
        on conflict (subject) do update
       set not_before = clock_timestamp(),
           changed_by = pg_current_xact_id(),
           expires_at = excluded.expires_at
    returning true
    """,
    bool,
    tuple[str, timedelta],
)


class Revocations:
    """The subjects whose older tokens are revoked, with the Unix time until when: `not_before`.

    `app.py` gives it to `Auth`, and lists it among the resources, after the database. Until it has
    read once, tokens are answered with 503; while the database is away later, what is known holds.
    """

    def __init__(self, db: Database, options: RevocationOptions | None = None) -> None:
        self.db = db
        self.options = options or RevocationOptions()
        self.not_before: dict[str, float] = {}
        self.floor = inf
        """The same for all other subjects: until the first reading, no token is accepted."""
        self.dropped = -inf
        """When the latest of those was revoked that were too many."""
        self.horizon = NOTHING_READ
        self.is_failing = False

    async def __aenter__(self) -> Self:
        self.read_at = time.monotonic()
        meters = metrics.get_metrics()
        metrics.watch_gauge(meters.revocations, lambda: len(self.not_before))
        metrics.watch_gauge(meters.revocations_age, lambda: time.monotonic() - self.read_at)
        await self.refresh()
        self.polling = asyncio.create_task(self.poll(), context=Context())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.polling.cancel()

    async def revoke(self, connection: Connection, subject: str) -> None:
        """Refuse the tokens that a subject got until now, once the transaction commits.

        This worker refuses them after a `refresh`, the others within `interval` seconds.
        """
        keep = timedelta(seconds=self.options.keep)
        await connection.fetch_one(insert_revocation, subject, keep)

    async def refresh(self) -> None:
        """Read what was revoked since the last time. An error is logged: the next time may do."""
        try:
            async with asyncio.timeout(self.db.options.command_timeout):
                await self.read()
            self.is_failing = False
        except Exception as error:
            if not self.is_failing:
                log.warning("revocations not read", error=repr(error), known=len(self.not_before))
            self.is_failing = True

    async def poll(self) -> None:
        while True:
            await asyncio.sleep(self.options.interval)
            await self.refresh()

    async def read(self) -> None:
        args = self.horizon, self.options.max_subjects + 1
        started = time.monotonic()
        try:
            changes = await self.db.fetch_one(read_changes, *args)
        except FullError:  # a busy pool must not delay this
            async with connect(self.db.options, "service revocations") as connection:
                [row] = await connection.fetch(read_changes.sql, *args)
                changes = Changes(*row)
        for subject, not_before in zip(changes.subjects, changes.not_before, strict=True):
            known = self.not_before.pop(subject, not_before)  # added again at the end
            self.not_before[subject] = max(known, not_before)
        # Ids go back when a standby that lags, or a backup, takes over: then all is read again.
        went_back = int(changes.horizon) < int(self.horizon)
        self.horizon = NOTHING_READ if went_back else changes.horizon
        self.read_at = started
        self.forget()

    def forget(self) -> None:
        """Drop revocations that have expired, and the oldest ones beyond the limit."""
        expired = time.time() - self.options.keep
        while self.not_before:
            subject, not_before = next(iter(self.not_before.items()))
            if not_before > expired:
                if len(self.not_before) <= self.options.max_subjects:
                    break
                self.dropped = max(self.dropped, not_before)
            del self.not_before[subject]
        self.floor = max(self.dropped, expired)
