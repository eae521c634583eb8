"""Requests about mails with links: to ask for one, and to use its token.

To ask takes the same statements, and gets the same answer, whether an account has the address or not: only the job
looks it up.
"""

from starlette.requests import Request

from service.accounts.passwords import no_account, parse_id
from service.accounts.recovery import queries
from service.accounts.recovery.mails import Reset, Verification, digest, mail_reset, mail_verification
from service.accounts.recovery.model import ResetConfirmation, ResetRequest, VerificationConfirmation
from service.kit.auth import LoginThrottle, Revocations, passwords
from service.kit.db import Database
from service.kit.jobs import enqueue
from service.kit.offload import Offload
from service.kit.web import NEEDS_TOKEN, PUBLIC, Caller, Problem, Rate, Routes, invalid

MAILS = Rate(5, per=300)
"""Of each account or address, in each worker. Over all, an account gets ACCOUNTS_LIVE_TOKENS mails of a kind."""

CONFIRMATIONS = Rate(10, per=60)
"""Of each address, in each worker."""

routes = Routes("/v1", tags=["accounts"])


def bad_token() -> Problem:
    return invalid("token", "it has been used, has expired, or was never sent")


CONSTRAINTS = {"account_tokens_account_fkey": no_account, "account_tokens_digest_key": bad_token}


@routes.post("/verifications", summary="Mail a link to verify", access=NEEDS_TOKEN, limit=MAILS, status=202)
async def request_verification(db: Database, caller: Caller) -> None:
    """Mail the link that verifies the address of the account once more, unless it is verified."""
    account = parse_id(caller)
    if account is None:
        raise no_account()
    async with db.transaction() as connection:
        await enqueue(connection, mail_verification, Verification(account))


@routes.post("/verifications/confirm", summary="Verify an address", access=PUBLIC, limit=CONFIRMATIONS, status=204)
async def confirm_verification(db: Database, data: VerificationConfirmation) -> None:
    """Note that the owner of an account reads the mails to its address. A token is good for once."""
    async with db.transaction() as connection:
        account = await connection.find(queries.use_token, digest(data.token), "verification")
        if account is None:
            raise bad_token()
        await connection.fetch_one(queries.verify, account)


@routes.post("/password-resets", summary="Mail a link to reset a password", access=PUBLIC, limit=MAILS, status=202)
async def request_reset(db: Database, data: ResetRequest) -> None:
    """Mail a link that sets a new password, if an account has this address. The answer does not tell whether."""
    async with db.transaction() as connection:
        await enqueue(connection, mail_reset, Reset(data.email))


@routes.post("/password-resets/confirm", summary="Reset a password", access=PUBLIC, limit=CONFIRMATIONS, status=204)
async def confirm_reset(
    request: Request,
    db: Database,
    offload: Offload,
    throttle: LoginThrottle,
    revocations: Revocations,
    data: ResetConfirmation,
) -> None:
    """Set a new password with the token of a mail, and sign out everywhere. A token is good for once."""
    token = digest(data.token)
    if not await db.find(queries.find_token, token, "reset"):
        raise bad_token()
    password_hash = await passwords.hash_password(offload, data.password)
    async with db.transaction() as connection:
        account = await connection.find(queries.use_token, token, "reset")
        if account is None:
            raise bad_token()
        await connection.fetch_one(queries.take_turn, account)
        email = await connection.fetch_one(queries.reset_password, account, password_hash)
        await connection.fetch(queries.delete_tokens, account, "reset")
        await revocations.revoke(connection, str(account))
    await revocations.refresh()
    await throttle.forgive(request.scope, email)
