# kit: updated by the template; extend it from app.py
"""One effect for a request that is sent again: its reply is stored under the key that the client
chose.

The row of a key is written in the transaction of the effect, so there is never one without the
other: whatever crashes, and whenever, the same request with the same key finds the reply, or
nothing that was done.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, NamedTuple, cast

import msgspec
from pydantic import BaseModel, Field

from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.web.binder import Reply, encode
from service.kit.work import asgi
from service.kit.work.problems import RETRY_AFTER, InvalidField, Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""Marks a stored reply: nothing was done this time."""

PATTERN = r'([!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")'
"""The draft's form is a string of RFC 9651, in quotes; most clients send the bare key, and both
name the same."""

DESCRIPTION = {
    "name": HEADER,
    "in": "header",
    "description": "A new one for each request, and the same for each retry of it, which then gets the first reply.",
    "required": False,
    "schema": {"type": "string", "pattern": f"^{PATTERN}$"},
    "examples": {"uuid": {"value": "0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8e"}},
}


class IdempotencyOptions(BaseModel, frozen=True):
    """IDEMPOTENCY_*: how long a reply is kept."""

    keep_hours: Annotated[
        float,
        Field(gt=0, le=8760, description="hours for which the reply to an Idempotency-Key is kept"),
    ] = 24


class IdempotencyKey(NamedTuple):
    """The key of a request, None where it has none. It is unique within its caller and its
    route.
    """

    value: str | None
    caller: str
    route: str
    target: str
    keep: timedelta

    def identify(self, data: object) -> tuple[bytes, bytes]:
        """Return digests of the key, and of what is asked for: a body counts as what it means, not
        as it is written.
        """
        identity = msgspec.json.encode((self.caller, self.route, self.value))
        plain = msgspec.to_builtins(data, str_keys=True, order="sorted")
        content = msgspec.json.encode((self.target, plain), order="sorted")
        return sha256(identity).digest(), sha256(content).digest()


class Stored(msgspec.Struct, frozen=True):
    """A stored reply. Without a `status` it has that of its route."""

    fingerprint: bytes
    status: int | None
    headers: msgspec.Raw
    body: bytes


# Whoever comes second gets no lock and no place in a queue, so its connection is free again at
# once. The lock ends with the transaction, also behind a pooler that hands out connections by the
# transaction.
take_lock = Query("select pg_try_advisory_xact_lock($1)", bool, tuple[int])

# A statement of its own, after the lock: one that began before would not see what the holder of the
# lock has committed.
read_reply = Query(
    """
    select {columns}
      from kit.idempotency_keys
     where digest = $1 and expires_at > now()
    """,
    Stored,
    tuple[bytes],
)

# Every new row deletes up to ten expired ones, so the table shrinks to the keys of the last hours
# by itself.
store_reply = Query(
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
    values ($1, $2, $3, $4::text::jsonb, $5, now() + $6::interval)
    on conflict (digest) do update
       set (fingerprint, status, headers, body, expires_at)
         = (excluded.fingerprint, excluded.status, excluded.headers, excluded.body, excluded.expires_at)
     where kept.expires_at <= now()
    returning true
    """,
    bool,
    tuple[bytes, bytes, int | None, str, bytes, timedelta],
)


def read(
    options: IdempotencyOptions, scope: asgi.Scope, _: asgi.Receive, __: asgi.Send
) -> IdempotencyKey:
    caller = scope["auth"].id if "auth" in scope else ""
    route = f"{scope['method']} {scope['path_template']}"
    target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
    return IdempotencyKey(
        parse(scope["headers"]), caller, route, target, timedelta(hours=options.keep_hours)
    )


def parse(headers: asgi.Headers) -> str | None:
    """Return the key in the headers, or None where there is none. Raises a 400 problem."""
    sent = [
        value.decode("latin-1").strip() for name, value in headers if name == b"idempotency-key"
    ]
    if not sent:
        return None
    if len(sent) == 1 and re.fullmatch(PATTERN, sent[0]):
        return re.sub(r"\\(.)", r"\1", sent[0][1:-1]) if sent[0].startswith('"') else sent[0]
    raise refuse(
        400, "malformed", "send it once, with 1 to 255 visible ASCII characters, like a new UUID"
    )


def require(key: IdempotencyKey) -> None:
    """Raise a 400 problem for a request without a key: for a route that does nothing without
    one.
    """
    if key.value is None:
        raise refuse(
            400,
            "key-required",
            "send a new UUID with each new request, and the same one with each retry",
        )


async def once[Body](
    db: Database,
    key: IdempotencyKey,
    data: object,
    work: Callable[[Connection], Awaitable[Reply[Body]]],
) -> Reply[Body]:
    """Run `work` in a transaction, and no second time for the same key: then return the stored
    reply.

    `data` is the body: another one under the same key is refused. Without a key, the work is just
    done. A deadlock lets all of it run again.
    """

    async def attempt(connection: Connection) -> Reply[Body]:
        digest, fingerprint = key.identify(data)
        if stored := await find(connection, digest, fingerprint):
            return cast("Reply[Body]", stored)
        reply = await work(connection)
        if reply.status and not 200 <= reply.status < 300:
            raise ValueError(
                f"{reply.status} is no success: raise a Problem, which undoes what was done"
            )
        body = encode(reply.body)
        headers = msgspec.json.encode({**reply.headers}).decode()
        if not await connection.find(
            store_reply, digest, fingerprint, reply.status, headers, body, key.keep
        ):
            raise in_flight()  # the lock should rule it out; the key decides
        return cast("Reply[Body]", Reply(msgspec.Raw(body), reply.status, reply.headers))

    return await db.in_transaction(work if key.value is None else attempt)


async def find(
    connection: Connection, digest: bytes, fingerprint: bytes
) -> Reply[msgspec.Raw] | None:
    """Return the stored reply, or None when the transaction may go on: no other with this key does
    until its end.

    Raises a 409 problem while another has the key, and a 422 problem when the key was used for
    another request.
    """
    is_first = await connection.fetch_one(take_lock, int.from_bytes(digest[:8], signed=True))
    stored = await connection.find(read_reply, digest)
    if stored is None:
        if not is_first:
            raise in_flight()
        return None
    if stored.fingerprint != fingerprint:
        raise refuse(
            422, "key-reused", "it was used for another request; send a new key with a new request"
        )
    headers = msgspec.json.decode(stored.headers, type=dict[str, str])
    return Reply(msgspec.Raw(stored.body), stored.status, {**headers, REPLAYED: "true"})


def refuse(status: int, kind: str, detail: str) -> Problem:
    return Problem(status, kind, f"{HEADER}: {detail}", InvalidField(HEADER, detail))


def in_flight() -> Problem:
    """409 with Retry-After: another request with this key is being answered."""
    detail = "A request with this Idempotency-Key is being answered. Send it again shortly to get its reply."
    return Problem(409, "in-flight", detail, headers={"retry-after": str(RETRY_AFTER)})
