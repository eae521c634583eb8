"""What an account is: as it is shown, as it is stored, and what logs in to it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\Z", max_length=254, examples=["ada@example.com"])]
# At least 15 characters, of any kind: NIST SP 800-63B-4, section 3.1.1.2, where a password is all that is asked for.
# The upper bound keeps hashing from becoming a way to load the service.
Password = Annotated[str, Meta(min_length=15, max_length=256, examples=["correct horse battery staple"])]
Moment = Annotated[datetime, Meta(tz=True)]


class Account(Struct, frozen=True):
    """An account, without its password."""

    id: UUID
    email: Email
    created_at: Moment


class Secret(Struct, frozen=True):
    """What a login is checked with. It never leaves the service."""

    id: UUID
    password_hash: str


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """An e-mail address and its password: to sign up, and to log in."""

    email: Email
    password: Password


class Session(Struct, frozen=True):
    """A token, to be sent as `Authorization: Bearer TOKEN` until it expires."""

    token: str
    expires_in: Annotated[int, Meta(description="Seconds", examples=[3600])]
