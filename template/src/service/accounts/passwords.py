"""Checking the password of an account: at a login, and again before what a stolen token must not do."""

from uuid import UUID

from service.accounts import queries
from service.accounts.model import Secret, Session
from service.kit.auth import IssuerOptions, LoginThrottle, passwords
from service.kit.db import Database
from service.kit.offload import Offload
from service.kit.web import Caller, Problem, conflict, invalid, not_found
from service.kit.work import asgi

REFUSED = "No account has this e-mail address and this password."
"""The same for both, and as slow: a login does not tell who has an account."""


def parse_id(caller: Caller) -> UUID | None:
    """Return the account of a token. Those of other issuers, and of `service token`, have none."""
    try:
        return UUID(caller.id)
    except ValueError:
        return None


def no_account() -> Problem:
    return not_found("An account of this token")


def changed_meanwhile() -> Problem:
    return conflict("password", "it was changed meanwhile; log in again")


async def check_login(
    scope: asgi.Scope, db: Database, offload: Offload, throttle: LoginThrottle, email: str, password: str
) -> Secret:
    """Return the account that has an e-mail address and a password. Raises a 401 problem."""
    secret = await db.find(queries.find_secret, email)
    attempt = await throttle.count_attempt(scope, email)
    stored = secret.password_hash if secret else None
    if not await passwords.is_correct(offload, password, stored) or secret is None:
        raise Problem(401, "wrong-credentials", REFUSED)
    await attempt.forgive()
    return secret


async def check_again(
    scope: asgi.Scope,
    db: Database,
    offload: Offload,
    throttle: LoginThrottle,
    caller: Caller,
    field: str,
    password: str,
) -> Secret:
    """Return the account of a token, if `password`, sent as `field`, is its own. Raises a 422 problem.

    Wrong ones count as those of logins do, so that a stolen token gives no more guesses.
    """
    account = parse_id(caller)
    secret = await db.find(queries.find_own_secret, account) if account else None
    if secret is None:
        raise no_account()
    attempt = await throttle.count_attempt(scope, secret.email)
    if not await passwords.is_correct(offload, password, secret.password_hash):
        raise invalid(field, "it is not the password of this account")
    await attempt.forgive()
    return secret


async def begin_session(db: Database, issuer: IssuerOptions, account: UUID, password_hash: str) -> Session:
    """Return a new token, unless the password was changed since its hash was read."""
    issued_at = await db.find(queries.begin_session, account, password_hash)
    if issued_at is None:
        raise Problem(401, "wrong-credentials", REFUSED)
    token = issuer.sign(str(account), issued_at=issued_at.timestamp())
    return Session(token, int(issuer.token_lifetime))
