"""The mails, each sent by a job: it makes the token, so that no other place holds more than the digest."""

import secrets
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from service.accounts.recovery import queries
from service.accounts.recovery.options import AccountOptions
from service.accounts.recovery.queries import Purpose, Recipient
from service.kit.db import Connection, Database
from service.kit.jobs import Job, begin_once
from service.mail import Mail, Mailer

SUBJECTS: dict[Purpose, str] = {"verification": "Verify your e-mail address", "reset": "Set a new password"}


class Verification(Struct, frozen=True):
    """The account whose address is to be verified."""

    account: UUID


class Reset(Struct, frozen=True):
    """The address that somebody asks for, whether an account has it or not."""

    email: str


def digest(token: str) -> bytes:
    """Return what is stored of a token. Nobody guesses its 256 random bits, so a slow hash would add nothing."""
    return sha256(token.encode()).digest()


async def send_verification(
    verification: Verification, job_id: int, db: Database, mailer: Mailer, options: AccountOptions
) -> None:
    """Send the link that verifies the address of an account, unless it is verified."""
    async with db.transaction() as connection:
        if not await begin_once(connection, job_id):
            return
        recipient = await connection.find(queries.find_unverified, verification.account)
        if recipient:
            await send_link(connection, mailer, options, recipient, "verification")


async def send_reset(reset: Reset, job_id: int, db: Database, mailer: Mailer, options: AccountOptions) -> None:
    """Send the link that sets a new password, if there is such an account."""
    async with db.transaction() as connection:
        if not await begin_once(connection, job_id):
            return
        recipient = await connection.find(queries.find_by_email, reset.email)
        if recipient:
            await send_link(connection, mailer, options, recipient, "reset")


async def send_link(
    connection: Connection, mailer: Mailer, options: AccountOptions, recipient: Recipient, purpose: Purpose
) -> None:
    """Send a link with a new token, unless the account has as many as it may.

    The token is behind a `#`, which browsers send to nobody. After a run that was cut off, the next makes another one,
    and so another mail.
    """
    await connection.fetch_one(queries.take_turn, recipient.id)
    token = secrets.token_urlsafe(32)
    lifetime = options.get_lifetime(purpose)
    row = recipient.id, purpose, digest(token), lifetime, options.live_tokens
    if not await connection.find(queries.create_token, *row):
        return
    link = f"{str(options.link_url).rstrip('/')}/{purpose}#{token}"
    identity = f"accounts.{purpose}-{digest(token).hex()}"
    await mailer.send(Mail(identity, recipient.email, SUBJECTS[purpose], f"{SUBJECTS[purpose]}: {link}"))


mail_verification = Job("accounts.verify", Verification, send_verification)
mail_reset = Job("accounts.reset", Reset, send_reset)
