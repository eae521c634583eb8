# kit: updated by the template; extend it from app.py
"""Passwords: hashed with Argon2id, and how many an account and an address may guess, counted over all replicas.

An address where the account has signed in before is bound by its own guesses alone, so nobody locks the owner out
there. From elsewhere, all guesses of the address and all for the account count as well. A guess counts before it is
checked, so many at once are no way around; a right one is taken back.
"""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

import msgspec
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import BaseModel, Field

from service.kit.db import Database, Query
from service.kit.edge import Problem, Seconds, asgi, metrics
from service.kit.offload import Offload

# OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. OFFLOAD_HASHES bounds how many run at once.
hasher = PasswordHash([Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)])

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$SXh0sCSj35AfA7jzfVJsJA$OpUX50Ri6FvT6MkWuKENoBSCFHCU2MpOV3bGxofxaIc"
"""The hash that a password is checked against when there is no account, so that the answer takes as long."""


async def hash_password(offload: Offload, password: str) -> str:
    return await offload.hash_in_thread(hasher.hash, password)


async def is_correct(offload: Offload, password: str, stored: str | None) -> bool:
    """Return whether a password matches a stored hash. With none it does not, and that takes as long."""
    matches = await offload.hash_in_thread(hasher.verify, password, stored or NOBODY)
    return matches and stored is not None


class GuessOptions(BaseModel, frozen=True):
    """GUESSES_*: how many wrong passwords are taken before more are refused for a while."""

    allowed: Annotated[int, Field(ge=1, description="wrong passwords for an account from one address")] = 10
    total: Annotated[int, Field(ge=1, description="wrong passwords from an address, or for an account elsewhere")] = 100
    window: Annotated[Seconds, Field(description="seconds from the first wrong password until all are forgotten")] = 900
    remember_days: Annotated[
        int, Field(ge=1, le=400, description="days that an address is known where an account signed in")
    ] = 30


class Count(msgspec.Struct, frozen=True):
    """What a guess found: whether the account is known at the address, and the seconds to wait, 0 for none."""

    is_known: bool
    count: int
    wait: int


# The guesses of the account from the address ($1) count first: only those allowed count for the address ($2) and for
# the account ($3), so that no address alone spends what others may. Every new row deletes up to ten expired ones.
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
        select exists (select from kit.guesses where digest = $1 and known_until > now()) as is_known
    ), own as (
        insert into kit.guesses as kept (digest, count, ends_at)
        select $1, 1, now() + $6::interval
          from known
         where is_known
            or not exists (select from kit.guesses where digest in ($2, $3) and count >= $5 and ends_at > now())
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
         where digest in ($2, $3) and count >= $5 and ends_at > now() and not exists (select from own)
    )
    select is_known, coalesce((select count from own), 0) as count,
           coalesce((select ceil(extract(epoch from max(ends_at) - now()))::int from spent), 0) as wait
      from known
    """,
    Count,
    tuple[bytes, bytes, bytes, int, int, timedelta],
)

forget_guess = Query(
    """
    with shared as (
        update kit.guesses
           set count = greatest(count - 1, 0)
         where digest in (select digest from kit.guesses where digest = any($2) order by digest for update)
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


class Guess:
    """One guess that was allowed."""

    def __init__(self, guesses: "Guesses", digests: tuple[bytes, bytes, bytes], found: Count) -> None:
        self.guesses = guesses
        self.digests = digests
        self.found = found

    async def take_back(self) -> None:
        """Note that the password was right. Where the account is known, this mostly costs no statement."""
        metrics.meters().guesses.labels("right").inc()
        options = self.guesses.options
        if self.found.is_known and self.found.count <= options.allowed // 2:
            return
        own, *shared = self.digests
        counted = [] if self.found.is_known else shared
        await self.guesses.db.fetch_one(forget_guess, own, counted, timedelta(days=options.remember_days))


class Guesses:
    """The guesses of passwords that the service has taken; `app.py` makes one."""

    def __init__(self, db: Database, options: GuessOptions | None = None) -> None:
        self.db = db
        self.options = options or GuessOptions()

    async def begin(self, scope: asgi.Scope, account: str) -> Guess:
        """Count a guess for an account, before its password is checked. Raises a 429 problem when there are too many.

        `account` is whatever the client named, whether there is such an account or not.
        """
        address = asgi.name_client(scope)
        own, shared, total = (digest(part) for part in ((account, address), (address,), (account, "")))
        options, window = self.options, timedelta(seconds=self.options.window)
        found = await self.db.fetch_one(count_guess, own, shared, total, options.allowed, options.total, window)
        if found.wait:
            metrics.meters().guesses.labels("refused").inc()
            detail = f"Too many wrong passwords. Try again in {found.wait} seconds, or from where you signed in before."
            raise Problem(429, "too-many-guesses", detail, headers={"retry-after": str(found.wait)})
        metrics.meters().guesses.labels("taken").inc()
        return Guess(self, (own, shared, total), found)


def digest(parts: Iterable[str]) -> bytes:
    return sha256(msgspec.json.encode(tuple(parts))).digest()
