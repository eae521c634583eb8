"""Requests about accounts and sessions: parse, call, respond."""

from functools import partial
from uuid import UUID

from starlette.requests import Request

from service.accounts import queries
from service.accounts.model import Account, Credentials, Session
from service.kit.auth import IssuerOptions, LoginThrottle, passwords
from service.kit.db import Database
from service.kit.offload import Offload
from service.kit.web import NEEDS_TOKEN, PUBLIC, Caller, Problem, Rate, Reply, Routes, conflict, created, not_found

CONSTRAINTS = {"accounts_email_key": partial(conflict, "email", "another account has it")}

REFUSED = "No account has this e-mail address and this password."
"""The same for both, and as slow: a login does not tell who has an account."""

SIGN_UPS = Rate(10, per=60)
"""Of each address, in each worker: a hash takes 20 ms of a core."""


routes = Routes("/v1", tags=["accounts"])


@routes.post("/accounts", summary="Sign up", access=PUBLIC, limit=SIGN_UPS)
async def create_account(db: Database, offload: Offload, data: Credentials) -> Reply[Account]:
    """Store a new account under an e-mail address that no other account has."""
    password_hash = await passwords.hash_password(offload, data.password)
    account = await db.fetch_one(queries.create_account, data.email, password_hash)
    return created(account, "/v1/accounts/me")


@routes.get("/accounts/me", summary="Read your account", access=NEEDS_TOKEN)
async def read_account(db: Database, caller: Caller) -> Account:
    """Return the account of the token. Tokens of other issuers, and of `service token`, have none."""
    try:
        account = await db.find(queries.read_account, UUID(caller.id))
    except ValueError:
        account = None
    if account is None:
        raise not_found("An account of this token")
    return account


@routes.post("/sessions", summary="Log in", access=PUBLIC)
async def create_session(
    request: Request, db: Database, offload: Offload, throttle: LoginThrottle, issuer: IssuerOptions, data: Credentials
) -> Session:
    """Return a token for the account that has this e-mail address and this password."""
    secret = await db.find(queries.find_secret, data.email)
    attempt = await throttle.count_attempt(request.scope, data.email)
    stored = secret.password_hash if secret else None
    if not await passwords.is_correct(offload, data.password, stored) or secret is None:
        raise Problem(401, "wrong-credentials", REFUSED)
    await attempt.forgive()
    return Session(issuer.sign(str(secret.id)), int(issuer.token_lifetime))
