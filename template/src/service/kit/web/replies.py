# kit: updated by the template; extend it from app.py
"""One effect for a request that is sent again: its first reply is stored under the key that the client chose.

The row of a key is written in the transaction of the effect, so there is never one without the other: whatever crashes,
and whenever, the same request with the same key finds the reply, or nothing that was done.
"""

from datetime import timedelta

import msgspec

from service.kit.db import Connection, Query
from service.kit.edge import InvalidField, Problem, problems
from service.kit.web.idempotency import HEADER, Entry

REPLAYED = "Idempotency-Replayed"
"""Marks a reply that comes from the table: nothing was done this time."""


class Reply(msgspec.Struct, frozen=True):
    """A stored reply. Without a `status` it is the one that its route sends by itself."""

    status: int | None
    headers: dict[str, str]
    body: bytes


class Row(msgspec.Struct, frozen=True):
    """What is read of a stored reply; its fields are in the order of the columns."""

    fingerprint: bytes
    status: int | None
    headers: msgspec.Raw
    body: bytes


# Whoever comes second gets no lock and no place in a queue, so its connection is free again at once. The lock ends with
# the transaction, also behind a pooler that hands out connections by the transaction.
take_lock = Query("select pg_try_advisory_xact_lock($1)", bool, tuple[int])

# A statement of its own, after the lock: one that began before would not see what the holder of the lock has committed.
read_reply = Query(
    """
    select {columns}
      from kit.idempotency_keys
     where digest = $1 and expires_at > now()
    """,
    Row,
    tuple[bytes],
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
    tuple[bytes, bytes, int | None, dict[str, str], bytes, timedelta],
)


async def find(connection: Connection, entry: Entry) -> Reply | None:
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


async def store(connection: Connection, entry: Entry, reply: Reply) -> None:
    """Store the reply, to be committed together with what it tells of."""
    if reply.status is not None and not 200 <= reply.status < 300:
        raise ValueError(
            f"{reply.status} is no success: raise a Problem, which undoes what was done, and store nothing"
        )
    row = (entry.digest, entry.fingerprint, reply.status, reply.headers, reply.body, entry.keep)
    if not await connection.find(store_row, *row):
        raise in_flight()  # the lock should rule it out; the key decides


def in_flight() -> Problem:
    """409 with Retry-After: another request with this key is being answered."""
    detail = "A request with this Idempotency-Key is being answered. Send it again in a moment to get its reply."
    return Problem(409, "in-flight", detail, headers={"retry-after": str(problems.RETRY_AFTER)})
