# kit: updated by the template; extend it from app.py
"""The key of development, kept in a file, and tokens that are signed with it. `service serve` never reads it."""

import os
from pathlib import Path

from service.kit.auth import AuthOptions, IssuerOptions, keys
from service.kit.edge import CommandError
from service.kit.server import KitSettings

FILE = Path(".signing-key")
LIFETIME = 3600.0
DEVELOPER = "development"
"""Whose the made-up rows of development are, and whose tokens `service token` makes."""

FOREIGN = ("AUTH_PUBLIC_KEY", "AUTH_JWKS_URL")
"""Variables that say that tokens come from elsewhere."""


class CredentialsError(CommandError):
    """There is no token to be had. The message says why, and what to do."""


def provide(kind: type[KitSettings]) -> None:
    """Set the variables by which the service takes tokens of development, unless it has a key already."""
    group = find_group(kind)
    if group is None or not os.environ.keys().isdisjoint(FOREIGN):
        return
    if "AUTH_SIGNING_KEY" not in os.environ:
        os.environ["AUTH_SIGNING_KEY"] = read_key()
    if issubclass(group, AuthOptions):
        public = keys.read_private(os.environ["AUTH_SIGNING_KEY"]).public_key()
        own = {"AUTH_PUBLIC_KEY": keys.write_public(public), "AUTH_ISSUER": DEVELOPER, "AUTH_AUDIENCE": DEVELOPER}
        os.environ |= own


def sign(kind: type[KitSettings], subject: str = DEVELOPER) -> str | None:
    """Return a token that the service takes in development, or None if it takes none. Raises `CredentialsError`."""
    group = find_group(kind)
    if group is None:
        return None
    if "AUTH_SIGNING_KEY" not in os.environ and (foreign := os.environ.keys() & set(FOREIGN)):
        raise CredentialsError(f"Tokens come from elsewhere, as {min(foreign)} says: get one there, or unset it.")
    try:
        key = keys.read_private(os.environ.get("AUTH_SIGNING_KEY") or read_key())
    except ValueError as error:
        raise CredentialsError(f"AUTH_SIGNING_KEY, or {FILE}: {error}.") from None
    issuer, audience = (find_name(group, name) for name in ("issuer", "audience"))
    return keys.sign(key, issuer, audience, subject, LIFETIME)


def find_group(kind: type[KitSettings]) -> type[AuthOptions | IssuerOptions] | None:
    """Return the type of the group `auth` of the settings, if there is one."""
    field = kind.model_fields.get("auth")
    group = field.annotation if field else None
    return group if isinstance(group, type) and issubclass(group, AuthOptions | IssuerOptions) else None


def find_name(group: type[AuthOptions | IssuerOptions], option: str) -> str:
    """Return the issuer or the audience that the service expects."""
    default = group.model_fields[option].default if issubclass(group, IssuerOptions) else DEVELOPER
    return os.environ.get(f"AUTH_{option.upper()}", default)


def read_key() -> str:
    """Return the key of development, made at the first call."""
    if not FILE.exists():
        FILE.touch(0o600)
        FILE.write_text(keys.make_key(), "utf-8")
    return FILE.read_text("utf-8").strip()
