# kit: updated by the template; extend it from app.py
"""The key of development, kept in a file, and tokens signed with it. `service serve` never reads
it.
"""

import os
from pathlib import Path

from service.kit.auth import keys
from service.kit.auth.keys import AuthOptions, IssuerOptions
from service.kit.db.query import DEVELOPER
from service.kit.server.settings import KitSettings
from service.kit.work.command_error import CommandError

FILE = Path(".signing-key")
LIFETIME = 3600.0

FOREIGN = ("AUTH_PUBLIC_KEY", "AUTH_JWKS_URL")
"""Variables that say that somebody else issues the keys."""

type Group = type[AuthOptions | IssuerOptions]


def provide(kind: type[KitSettings]) -> None:
    """Set the variables that let the service accept tokens of development, unless it has a key
    already.
    """
    group = find_group(kind)
    if group is None or not os.environ.keys().isdisjoint(FOREIGN):
        return
    if "AUTH_SIGNING_KEY" not in os.environ:
        os.environ["AUTH_SIGNING_KEY"] = read_key()
    if issubclass(group, AuthOptions):
        public = keys.format_public_key(
            keys.read_private_key(os.environ["AUTH_SIGNING_KEY"]).public_key()
        )
        os.environ |= {
            "AUTH_PUBLIC_KEY": public,
            "AUTH_ISSUER": DEVELOPER,
            "AUTH_AUDIENCE": DEVELOPER,
        }


def sign(kind: type[KitSettings], subject: str = DEVELOPER) -> str | None:
    """Return a token that the service accepts, or None if it takes no keys. Raises
    `CommandError`.
    """
    group = find_group(kind)
    if group is None:
        return None
    if "AUTH_SIGNING_KEY" not in os.environ and (foreign := os.environ.keys() & set(FOREIGN)):
        raise CommandError(
            f"{min(foreign)} is set, so tokens come from elsewhere: get one there, or unset it."
        )
    try:
        key = keys.read_private_key(os.environ.get("AUTH_SIGNING_KEY") or read_key())
    except ValueError as error:
        raise CommandError(f"AUTH_SIGNING_KEY, or {FILE}: {error}.") from None
    return keys.sign_token(
        key, read_option(group, "issuer"), read_option(group, "audience"), subject, LIFETIME
    )


def find_group(kind: type[KitSettings]) -> Group | None:
    """Return the type of the settings' group `auth`, if there is one."""
    field = kind.model_fields.get("auth")
    group = field.annotation if field else None
    return (
        group
        if isinstance(group, type) and issubclass(group, AuthOptions | IssuerOptions)
        else None
    )


def read_option(group: Group, option: str) -> str:
    """Return the issuer or the audience that the service expects."""
    default = group.model_fields[option].default if issubclass(group, IssuerOptions) else DEVELOPER
    return os.environ.get(f"AUTH_{option.upper()}", default)


def read_key() -> str:
    """Return the key of development, made at the first call."""
    if not FILE.exists():
        FILE.touch(0o600)
        FILE.write_text(keys.make_key(), "utf-8")
    return FILE.read_text("utf-8").strip()
