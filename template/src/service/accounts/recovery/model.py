"""What clients send about mails with links."""

from typing import Annotated

from msgspec import Meta, Struct

from service.accounts.model import Email, Password

Token = Annotated[str, Meta(min_length=43, max_length=43, description="What the link has after #")]


class ResetRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends to have a link mailed that resets a password."""

    email: Email


class ResetConfirmation(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends to set a new password."""

    token: Token
    password: Password


class VerificationConfirmation(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends to verify its e-mail address."""

    token: Token
