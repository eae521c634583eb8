"""What a user is: as clients send it, as they are shown it, and as others see it."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

Username = Annotated[str, Meta(pattern=r"^[^\s/]+\Z", max_length=50, examples=["jacob"])]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\Z", max_length=254, examples=["jake@jake.jake"])]
Password = Annotated[str, Meta(min_length=8, max_length=256, examples=["jakejake"])]
Bio = Annotated[str, Meta(max_length=5_000)]
Image = Annotated[str, Meta(max_length=2_000)]


class Registration(Struct, frozen=True):
    """A new user."""

    username: Username
    email: Email
    password: Password


class Credentials(Struct, frozen=True):
    """What a user signs in with."""

    email: Email
    password: Password


class UserChange(Struct, frozen=True):
    """The fields of a user that change; others stay."""

    username: Username | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    bio: Bio | UnsetType | None = UNSET
    image: Image | UnsetType | None = UNSET


# against the grain: each body is within an object of one name, so each has a struct around it
class NewUser(Struct, frozen=True):
    """A new user, as clients send it."""

    user: Registration


class Login(Struct, frozen=True):
    """A login, as clients send it."""

    user: Credentials


class ChangedUser(Struct, frozen=True):
    """A change of a user, as clients send it."""

    user: UserChange


class Stored(Struct, frozen=True):
    """A user as it is stored, with what its password is checked with."""

    id: UUID
    username: str
    email: str
    password_hash: str
    bio: str | None
    image: str | None


class User(Struct, frozen=True):
    """A user as it sees itself, with a token to send as `Authorization: Token …`."""

    email: str
    token: str
    username: str
    bio: str | None
    image: str | None


class UserReply(Struct, frozen=True):
    """A user, as clients are shown it."""

    user: User


class Profile(Struct, frozen=True):
    """A user as others see it."""

    username: str
    bio: str | None
    image: str | None
    following: bool


class ProfileReply(Struct, frozen=True):
    """A profile, as clients are shown it."""

    profile: Profile
