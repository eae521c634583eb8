# kit: updated by the template; extend it from app.py
"""Gives a repeated request one effect: its reply is stored under the client's key.

The row of a key is written in the transaction of the effect, so there is never one without the
other: whatever crashes, and whenever, the same request with the same key finds the reply, or
that nothing was done.

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
from service.kit.db.errors import Constraints
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

HELP = (
    "A new one for each request, and the same for each retry of it, "
    "which then gets the first reply."
)
DESCRIPTION = {
    "name": HEADER,
    "in": "header",
    "description": HELP,
    "required": False,
    "schema": {"type": "string", "pattern": f"^{PATTERN}$"},
    "examples": {"uuid": {"value": "0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8e"}},
}


class IdempotencyOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """IDEMPOTENCY_*: how long a reply is kept."""

    keep_hours: Annotated[float, Field(gt=0, le=8760)] = 24
    """hours for which the reply to an Idempotency-Key is kept"""


class IdempotencyKey(NamedTuple):
    """The key of a request. `value` is None without one, and unique within its caller and route."""

    value: str | None
    caller: str
    route: str
    target: str
    keep: timedelta

    def identify(self, data: object) -> tuple[bytes, bytes]:
        """Return the digests of the key and of the request.

        A body counts by its content, however its JSON is written.
        """
        identity = (self.caller, self.route, self.value)
        key = sha256(msgspec.json.encode(identity))
        plain = msgspec.to_builtins(data, str_keys=True, order="sorted")
        content = msgspec.json.encode((self.target, plain), order="sorted")
        return key.digest(), sha256(content).digest()


class StoredReply(msgspec.Struct, frozen=True):
    """A stored reply. Without a `status` it has that of its route."""

    fingerprint: bytes
    status: int | None
    headers: msgspec.Raw
    body: bytes


# Sent together with the begin and with the commit, and so without arguments: what is filled in is
# hexadecimal or a number. migrate/tables/0006_idempotency_functions.sql has the functions.
CLAIM_KEY = "select where kit.claim_key(decode('{digest}', 'hex'))"
STORE_REPLY = """select kit.store_reply(
    decode('{digest}', 'hex'), decode('{fingerprint}', 'hex'), {status}::smallint,
    decode('{headers}', 'hex'), decode('{body}', 'hex'), {keep} * interval '1 s'
);"""

CLAIMED = "SELECT 1"
"""PostgreSQL's status of CLAIM_KEY for the transaction that alone may do the work."""

read_reply = Query(
    """
    select {columns}
      from kit.idempotency_keys
     where digest = $1 and expires_at > now()
    """,
    StoredReply,
    tuple[bytes],
)


def read_idempotency_key(
    options: IdempotencyOptions, scope: asgi.Scope, _: asgi.Receive, __: asgi.Send
) -> IdempotencyKey:
    """Return the key in the headers of a request. Raises a 400 problem."""
    query = scope["query_string"].decode("latin-1")
    return IdempotencyKey(
        value=parse_key(scope["headers"]),
        caller=scope["auth"].id if "auth" in scope else "",
        route=f"{scope['method']} {scope['path_template']}",
        target=f"{scope['path']}?{query}",
        keep=timedelta(hours=options.keep_hours),
    )


def parse_key(headers: asgi.Headers) -> str | None:
    sent = [value for name, value in headers if name == b"idempotency-key"]
    if not sent:
        return None
    key = sent[0].decode("latin-1").strip()
    if len(sent) > 1 or not re.fullmatch(PATTERN, key):
        advice = "send it once, with 1 to 255 visible ASCII characters, like a new UUID"
        raise refuse_key(400, "malformed", advice)
    if key.startswith('"'):
        return re.sub(r"\\(.)", r"\1", key[1:-1])
    return key


def require_key(key: IdempotencyKey) -> None:
    """Raise a 400 problem for a request without a key: for a route that needs one."""
    if key.value is None:
        advice = "send a new UUID with each new request, and the same one with each retry"
        raise refuse_key(400, "key-required", advice)


async def once[Body](
    db: Database,
    key: IdempotencyKey,
    data: object,
    work: Callable[[Connection], Awaitable[Reply[Body]]],
) -> Reply[Body]:
    """Run `work` in a transaction once for each key. After that, return the stored reply.

    `data` is the body: another one under the same key is refused. Without a key, `work` just
    runs. After a deadlock, all of it runs again.
    """
    if key.value is None:
        return await db.in_transaction(work)
    digest, fingerprint = key.identify(data)

    async def attempt(connection: Connection) -> Reply[Body]:
        if connection.raw.status != CLAIMED:
            stored = await read_stored_reply(connection, digest, fingerprint)
            return cast("Reply[Body]", stored)
        reply = await work(connection)
        if reply.status and not 200 <= reply.status < 300:
            advice = "raise a Problem, which undoes what was done"
            raise ValueError(f"{reply.status} is not a success: {advice}")
        body = encode(reply.body)
        connection.before_commit = STORE_REPLY.format(
            digest=digest.hex(),
            fingerprint=fingerprint.hex(),
            status=reply.status or "null",
            headers=msgspec.json.encode(dict(reply.headers)).hex(),
            body=body.hex(),
            keep=key.keep.total_seconds(),
        )
        encoded = Reply(msgspec.Raw(body), reply.status, reply.headers)
        return cast("Reply[Body]", encoded)

    claim = CLAIM_KEY.format(digest=digest.hex())
    return await db.in_transaction(attempt, after_begin=claim)


async def read_stored_reply(
    connection: Connection, digest: bytes, fingerprint: bytes
) -> Reply[msgspec.Raw]:
    """Return the stored reply to a key that could not be claimed.

    Raises a 409 problem while another has the key, and a 422 problem when the key was used for
    another request.
    """
    stored = await connection.find(read_reply, digest)
    if stored is None:
        raise in_flight()
    if stored.fingerprint != fingerprint:
        advice = "it was used for another request; send a new key with a new request"
        raise refuse_key(422, "key-reused", advice)
    headers = msgspec.json.decode(stored.headers, type=dict[str, str])
    headers[REPLAYED] = "true"
    return Reply(msgspec.Raw(stored.body), stored.status, headers)


def refuse_key(status: int, kind: str, detail: str) -> Problem:
    error = InvalidField(HEADER, detail)
    return Problem(status, kind, f"{HEADER}: {detail}", error)


def in_flight() -> Problem:
    """409 with Retry-After: another request with this key is being answered."""
    state = "A request with this Idempotency-Key is being answered"
    return Problem(
        409,
        "in-flight",
        f"{state}. Send it again shortly to get its reply.",
        headers={"retry-after": str(RETRY_AFTER)},
    )


CONSTRAINTS: Constraints = {"idempotency_keys_pkey": in_flight}
"""The lock should rule this out; the primary key decides."""
