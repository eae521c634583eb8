# kit: updated by the template; extend it from app.py
"""One effect for a request that is sent again: its first reply is stored under the key that the client chose.

The row of a key is written in the transaction of the effect, so there is never one without the other: whatever crashes,
and whenever, the same request with the same key finds the reply, or nothing that was done.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec
from pydantic import BaseModel, Field

from service.kit import problems
from service.kit.db import Connection
from service.kit.problems import InvalidField, Problem
from service.kit.queries import Query

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""Marks a reply that comes from the table: nothing was done this time."""

PATTERN = r'([!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")'
"""The draft's form is a string of RFC 9651, in quotes; most clients send the bare key, and both name the same."""


class IdempotencyOptions(BaseModel, frozen=True):
    """IDEMPOTENCY_*: how long a reply is kept."""

    keep_hours: Annotated[
        float, Field(gt=0, le=8760, description="hours for which the reply to an Idempotency-Key is kept")
    ] = 24


DEFAULTS = IdempotencyOptions()


class Key(NamedTuple):
    """The key of one request. It is unique within its caller and its route; `target` is what was asked for there."""

    value: str
    caller: str
    route: str
    target: str
    keep: timedelta


class Entry(NamedTuple):
    """What is stored of a request: the digests of its key and of its content, and for how long."""

    digest: bytes
    fingerprint: bytes
    keep: timedelta


class Reply(msgspec.Struct, frozen=True):
    """A stored reply. Without a `status` it is the one that its route sends by itself."""

    status: int | None
    headers: dict[str, str]
    body: bytes


class Row(msgspec.Struct, frozen=True):
    """What is read of a stored reply; its fields are in the order of the columns."""

    fingerprint: bytes
    status: int | None
    headers: str
    body: bytes


# Whoever comes second gets no lock and no place in a queue, so its connection is free again at once. The lock ends with
# the transaction, also behind a pooler that hands out connections by the transaction.
take_lock = Query("select pg_try_advisory_xact_lock($1)", bool)

# A statement of its own, after the lock: one that began before would not see what the holder of the lock has committed.
read_reply = Query(
    """
    select {columns}
      from kit.idempotency_keys
     where digest = $1 and expires_at > now()
    """,
    Row,
)

# Every new row deletes up to ten expired ones, so the table shrinks to the keys of the last hours by itself.
store_row = Query(
    """
    with expired as (
        delete from kit.idempotency_keys
         where digest = any(array(
               select digest
                 from kit.idempotency_keys
                where expires_at <= now() and digest <> $1
                order by expires_at
                limit 10
                  for update skip locked
         ))
    )
    insert into kit.idempotency_keys as kept (digest, fingerprint, status, headers, body, expires_at)
    values ($1, $2, $3, $4, $5, now() + $6::interval)
    on conflict (digest) do update
       set (fingerprint, status, headers, body, expires_at)
         = (excluded.fingerprint, excluded.status, excluded.headers, excluded.body, excluded.expires_at)
     where kept.expires_at <= now()
    returning true
    """,
    bool,
)


def parse(sent: Sequence[str]) -> str | None:
    """Return the key in the header's lines, or None where there is none. Raises a 400 problem."""
    if not sent:
        return None
    line = sent[0].strip() if len(sent) == 1 else ""
    if re.fullmatch(PATTERN, line):
        return re.sub(r"\\(.)", r"\1", line[1:-1]) if line.startswith('"') else line
    detail = "send it once, with 1 to 255 visible ASCII characters; a new UUID for each new request is a good key"
    raise Problem(400, "malformed", f"{HEADER}: {detail}", InvalidField(HEADER, detail))


def require(key: Key | None) -> Key:
    """Return the key, or raise a 400 problem: for a route that does nothing without one."""
    if key is None:
        detail = "this request needs one; send a new UUID with each new request, and the same one with each retry"
        raise Problem(400, "key-required", f"{HEADER}: {detail}", InvalidField(HEADER, detail))
    return key


def identify(key: Key, data: object) -> Entry:
    """Return what tells a request from others. Its body counts as what it means, not as it was written."""
    identity = msgspec.json.encode((key.caller, key.route, key.value))
    content = msgspec.json.encode((key.target, data), order="sorted")
    return Entry(sha256(identity).digest(), sha256(content).digest(), key.keep)


async def find_reply(connection: Connection, entry: Entry) -> Reply | None:
    """Return the stored reply, or None when the transaction may go on: no other with this key does until its end.

    Raises a 409 problem while another has the key, and a 422 problem when the key was used for another request.
    """
    is_first = await connection.fetch_one(take_lock, int.from_bytes(entry.digest[:8], signed=True))
    row = await connection.find(read_reply, entry.digest)
    if row is None:
        if not is_first:
            raise in_flight()
        return None
    if row.fingerprint != entry.fingerprint:
        detail = "it was used for another request; send a new key with a new request"
        raise Problem(422, "key-reused", f"{HEADER}: {detail}", InvalidField(HEADER, detail))
    headers = msgspec.json.decode(row.headers, type=dict[str, str])
    return Reply(row.status, headers | {REPLAYED: "true"}, row.body)


async def store_reply(connection: Connection, entry: Entry, reply: Reply) -> None:
    """Store the reply, to be committed together with what it tells of."""
    if reply.status is not None and not 200 <= reply.status < 300:
        raise ValueError(
            f"{reply.status} is no success: raise a Problem, which undoes what was done, and store nothing"
        )
    headers = msgspec.json.encode(reply.headers).decode()
    if not await connection.find(store_row, *entry[:2], reply.status, headers, reply.body, entry.keep):
        raise in_flight()  # the lock should rule it out; the key decides


def in_flight() -> Problem:
    """409 with Retry-After: another request with this key is being answered."""
    detail = "A request with this Idempotency-Key is being answered. Send it again in a moment to get its reply."
    return Problem(409, "in-flight", detail, headers={"retry-after": str(problems.RETRY_AFTER)})
