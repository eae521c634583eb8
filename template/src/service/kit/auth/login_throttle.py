# kit: updated by the template; extend it from app.py
"""Limits how often a password is tried for an account and from an address, over all replicas.

An address where the account has logged in before is limited by its own attempts alone, so nobody
locks the owner out there. From elsewhere, all attempts of the address and all for the account count
as well. An attempt counts before its password is checked, so many at once do not get around it. It
stops counting if the password was right, or was never checked because no slot was free.
"""

import asyncio
import warnings
from contextvars import Context, ContextVar
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

import msgspec
import structlog
from pydantic import BaseModel, Field

from service.kit.db.database import Database
from service.kit.db.errors import ERRORS
from service.kit.db.query import Query
from service.kit.work import addresses, asgi, metrics
from service.kit.work.options import Seconds
from service.kit.work.problems import Problem

log = structlog.get_logger(__name__)

CANCEL_PAUSES = (0.0, 0.1, 1.0)
"""Seconds before each try to cancel an attempt: the database may be busy."""

DOT_ABOVE = "\u0307"
"""Python's `lower()` turns "İ" into "i" and this dot, PostgreSQL's into "i"."""

current_attempt: ContextVar["LoginAttempt | None"] = ContextVar("login_attempt", default=None)
"""The last attempt of this request."""


class LoginThrottleOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """GUESSES_*: how many wrong passwords are taken before more are refused for a while."""

    allowed: Annotated[int, Field(ge=1)] = 10
    """wrong passwords for an account from one address"""
    total: Annotated[int, Field(ge=1)] = 100
    """wrong passwords from an address, or for an account elsewhere"""
    window: Seconds = 900
    """seconds from the first wrong password until all are forgotten"""
    remember_days: Annotated[int, Field(ge=1, le=400)] = 30
    """days that an address is known where an account signed in"""


type Digests = tuple[bytes, bytes, bytes]
"""Of the account at the address, of the address, and of the account."""


class Count(msgspec.Struct, frozen=True):
    """Whether the account is known at the address, its attempts there, and the seconds to wait."""

    is_known: bool
    count: int
    wait: int


# The attempts of the account from the address ($1) count first. Only those allowed count for the
# address ($2) and for the account ($3), so that no address can use up the limit of others. Every
# new row deletes up to ten expired ones.
count_guess = Query(
    """
    with expired as (
        delete from kit.guesses
         where digest = any(array(
               select digest
                 from kit.guesses
                where expires_at <= now() and digest not in ($1, $2, $3)
                order by expires_at
                limit 10
                  for update skip locked
         ))
    ), known as (
        select exists (
               select from kit.guesses where digest = $1 and known_until > now()
        ) as is_known
    ), own as (
        insert into kit.guesses as kept (digest, count, ends_at)
        select $1, 1, now() + $6::interval
          from known
         where is_known
            or not exists (
               select
                 from kit.guesses
                where digest in ($2, $3) and count >= $5 and ends_at > now()
            )
            on conflict (digest) do update
           set count = case when kept.ends_at > now() then kept.count + 1 else 1 end,
               ends_at = case when kept.ends_at > now() then kept.ends_at else excluded.ends_at end
        returning kept.count, kept.ends_at
    ), shared as (
        insert into kit.guesses as kept (digest, count, ends_at)
        select digest, 1, now() + $6::interval
          from own, known, unnest(array[$2, $3]) as digest
         where own.count <= $4 and not is_known
         order by digest
            on conflict (digest) do update
           set count = case when kept.ends_at > now() then kept.count + 1 else 1 end,
               ends_at = case when kept.ends_at > now() then kept.ends_at else excluded.ends_at end
        returning kept.count, kept.ends_at
    ), spent as (
        select ends_at from own where count > $4
         union all
        select ends_at from shared where count > $5
         union all
        select ends_at
          from kit.guesses
         where digest in ($2, $3) and count >= $5 and ends_at > now()
           and not exists (select from own)
    )
    select is_known,
           coalesce((select count from own), 0) as count,
           coalesce(
               (select ceil(extract(epoch from max(ends_at) - now()))::int from spent), 0
           ) as wait
      from known
    """,
    Count,
    tuple[bytes, bytes, bytes, int, int, timedelta],
)

lower_name = Query("select lower($1)", str, tuple[str])

# Attempts beyond the limit were refused, so they do not count here.
return_guess = Query(
    """
    with shared as (
        update kit.guesses
           set count = greatest(least(count, $4) - 1, 0)
         where digest in (
               select digest from kit.guesses where digest = any($2) order by digest for update
         )
    )
    update kit.guesses
       set count = greatest(least(count, $3) - 1, 0)
     where digest = $1
    returning true
    """,
    bool,
    tuple[bytes, list[bytes], int, int],
)

forget_guess = Query(
    """
    with shared as (
        update kit.guesses
           set count = greatest(count - 1, 0)
         where digest in (
               select digest from kit.guesses where digest = any($2) order by digest for update
         )
    )
    insert into kit.guesses (digest, count, ends_at, known_until)
    values ($1, 0, now(), now() + $3::interval)
        on conflict (digest) do update
       set count = 0, known_until = excluded.known_until
    returning true
    """,
    bool,
    tuple[bytes, list[bytes], timedelta],
)


class LoginAttempt:
    """One attempt that was allowed. It counts until `forgive` says that the password was right."""

    def __init__(
        self,
        throttle: "LoginThrottle",
        digests: Digests,
        counted: Count,
        *,
        is_exact: bool,
    ) -> None:
        self.throttle = throttle
        self.own, *shared = digests
        self.shared = [] if counted.is_known else shared
        self.counted = counted
        self.is_exact = is_exact
        self.may_cancel = True

    def mark_checked(self) -> None:
        """Make it count for good: its password is being checked."""
        self.may_cancel = False

    async def forgive(self) -> None:
        """Note that the password was right.

        From an address where the account is known, this mostly costs no statement.
        """
        metrics.get_metrics().guesses.labels("right").inc()
        options = self.throttle.options
        if not self.is_exact:  # it may belong to another account, spelled like this one
            await asyncio.shield(self.cancel())
            return
        if self.counted.is_known and self.counted.count <= options.allowed // 2:
            return
        days = timedelta(days=options.remember_days)
        try:
            await self.throttle.db.fetch_one(forget_guess, self.own, self.shared, days)
        except BaseException:
            self.cancel()
            raise

    async def take_back(self) -> None:
        """`forgive`, as it was called before version 3."""
        warnings.warn("take_back is now forgive", DeprecationWarning, stacklevel=2)
        await self.forgive()

    def cancel(self) -> asyncio.Task[None]:
        """Stop counting the attempt, in a task that may outlast the request."""
        self.may_cancel = False
        task = asyncio.create_task(self.uncount(), context=Context())
        self.throttle.tasks.add(task)
        task.add_done_callback(self.throttle.tasks.discard)
        return task

    async def uncount(self) -> None:
        db = self.throttle.db
        limits = self.throttle.options.allowed, self.throttle.options.total
        for pause in CANCEL_PAUSES:
            await asyncio.sleep(pause)
            try:
                await db.find(return_guess, self.own, self.shared, *limits)
            except (Problem, *ERRORS) as error:
                log.info("login attempt still counts", error=repr(error))
            else:
                metrics.get_metrics().guesses.labels("returned").inc()
                return
        log.warning("login attempt still counts", tries=len(CANCEL_PAUSES))


class LoginThrottle:
    """Counts the attempts to log in; `app.py` makes one."""

    def __init__(self, db: Database, options: LoginThrottleOptions | None = None) -> None:
        self.db = db
        self.options = options or LoginThrottleOptions()
        self.tasks: set[asyncio.Task[None]] = set()

    async def count_attempt(self, scope: asgi.Scope, account: str) -> LoginAttempt:
        """Count an attempt to log in to an account, right before its password is checked.

        Raises a 429 problem when there were too many. `account` is the name as the client
        sent it, whether there is such an account or not. Names that the database's `lower()` makes
        equal count as one; if your lookup finds an account by more names, pass the id it found.
        """
        digests, is_exact = await self.identify(scope, account)
        options = self.options
        limits = options.allowed, options.total, timedelta(seconds=options.window)
        counted = await self.db.fetch_one(count_guess, *digests, *limits)
        if counted.wait:
            metrics.get_metrics().guesses.labels("refused").inc()
            raise refuse_attempt(counted.wait)
        metrics.get_metrics().guesses.labels("taken").inc()
        attempt = LoginAttempt(self, digests, counted, is_exact=is_exact)
        current_attempt.set(attempt)
        return attempt

    async def forgive(self, scope: asgi.Scope, account: str) -> None:
        """Forget the wrong passwords for an account from an address: its owner is there.

        For a password that was reset by a link, so that the owner can log in.
        """
        (own, *_), is_exact = await self.identify(scope, account)
        if is_exact:
            days = timedelta(days=self.options.remember_days)
            await self.db.fetch_one(forget_guess, own, [], days)

    async def identify(self, scope: asgi.Scope, account: str) -> tuple[Digests, bool]:
        """Return the digests of an attempt, and whether no other account may have the same ones."""
        address = addresses.identify_client(scope) or "unknown"
        lowered = await self.db.fetch_one(lower_name, account)
        # The handler may have lowered the name in Python, so it may be that of either account.
        is_exact = DOT_ABOVE not in lowered
        name = lowered.replace(DOT_ABOVE, "")
        own = make_digest(name, address) if is_exact else make_digest(name, address, "similar")
        return (own, make_digest(address), make_digest(name, "")), is_exact

    async def begin(self, scope: asgi.Scope, account: str) -> LoginAttempt:
        """`count_attempt`, as it was called before version 3."""
        warnings.warn("begin is now count_attempt", DeprecationWarning, stacklevel=2)
        return await self.count_attempt(scope, account)


def refuse_attempt(wait: int) -> Problem:
    """429 with Retry-After: try again in so many seconds."""
    advice = f"Try again in {wait} seconds, or from where you signed in before."
    return Problem(
        429,
        "too-many-guesses",
        f"Too many wrong passwords. {advice}",
        headers={"retry-after": str(wait)},
    )


def make_digest(*parts: str) -> bytes:
    return sha256(msgspec.json.encode(parts)).digest()
