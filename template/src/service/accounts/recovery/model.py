"""What clients send about mails with links."""

from typing import Annotated

from msgspec import Meta, Struct

from service.accounts.model import Email, Password

Token = Annotated[str, Meta(min_length=43, max_length=43, description="The part of the link after #")]


class ResetRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The e-mail address of an account whose password is forgotten."""

    email: Email


class ResetConfirmation(Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a mail, and the new password."""

    token: Token
    password: Password


class VerificationConfirmation(Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a mail."""

    token: Token
