"""The SQL of the tokens in mails: what is stored is their digest."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from service.kit.db import Query

type Purpose = Literal["verification", "reset"]

ANYONE = {"scope": "the token itself says whose it is"}
FEW: dict[str, str] = dict.fromkeys(("filter", "unbounded"), "an account has one in each of its slots")


class Recipient(Struct, frozen=True):
    """The account that a mail is for. Its address is the stored one, not one that is only spelled alike."""

    id: UUID
    email: str


find_by_email = Query(
    """
    select {columns}
      from accounts
     where lower(email) = lower($1)
    """,
    Recipient,
    tuple[str],
    sample="select email from accounts limit 1",
)

find_unverified = Query(
    """
    select {columns}
      from accounts
     where id = $1 and verified_at is null
    """,
    Recipient,
    tuple[UUID],
    sample="select id from accounts limit 1",
)

# Of several mails at once, no more are sent than an account may get, and a reset leaves none of them valid. A lock of
# the account's row would do as well, but then a login would wait until the mail is sent.
take_turn = Query(
    "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0)) is not null",
    bool,
    tuple[UUID],
    sample="select id from accounts limit 1",
)

# In the first of $5 slots that is empty, or whose token has expired. No row, if there is none.
create_token = Query(
    """
    insert into account_tokens as kept (account, purpose, slot, digest, expires_at)
    select $1, $2, slot, $3, now() + $4::interval
      from generate_series(1, $5) as slot
     where not exists (
           select
             from account_tokens as live
            where live.account = $1 and live.purpose = $2 and live.slot = slot.slot and live.expires_at > now()
           )
     order by slot
     limit 1
        on conflict (account, purpose, slot) do update
       set digest = excluded.digest, expires_at = excluded.expires_at
    returning account
    """,
    UUID,
    tuple[UUID, Purpose, bytes, timedelta, int],
    sample="select id, 'reset', sha256(uuid_send(id)), interval '1 hour', 3 from accounts limit 1",
    excused=FEW,
)

find_token = Query(
    """
    select account
      from account_tokens
     where digest = $1 and purpose = $2 and expires_at > now()
    """,
    UUID,
    tuple[bytes, Purpose],
    sample="select digest, purpose from account_tokens limit 1",
    excused=ANYONE,
)

# Of two requests with one token, the second waits for the first, and then finds nothing.
use_token = Query(
    """
    delete from account_tokens
     where digest = $1 and purpose = $2 and expires_at > now()
    returning account
    """,
    UUID,
    tuple[bytes, Purpose],
    sample="select digest, purpose from account_tokens limit 1",
    excused=ANYONE,
)

delete_tokens = Query(
    """
    delete from account_tokens
     where account = $1 and purpose = $2
    returning account
    """,
    UUID,
    tuple[UUID, Purpose],
    sample="select account, purpose from account_tokens limit 1",
    excused=FEW,
)

verify = Query(
    """
    update accounts
       set verified_at = coalesce(verified_at, now())
     where id = $1
    returning id
    """,
    UUID,
    tuple[UUID],
    sample="select id from accounts limit 1",
)

# Who can read the mail has shown that the address is theirs.
reset_password = Query(
    """
    update accounts
       set password_hash = $2, verified_at = coalesce(verified_at, now())
     where id = $1
    returning email
    """,
    str,
    tuple[UUID, str],
    sample="select id, '$argon2id$' from accounts limit 1",
)
