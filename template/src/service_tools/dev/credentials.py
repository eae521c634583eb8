# kit: updated by the template; extend it from app.py
"""The development key, in a file, and tokens signed with it. `service serve` never reads it."""

import os
from pathlib import Path

from service.kit.auth import keys
from service.kit.auth.keys import AuthOptions, IssuerOptions
from service.kit.db.query import DEVELOPER
from service.kit.server.settings import KitSettings, is_set, read_variable
from service.kit.work.command_error import CommandError

KEY_FILE = Path(".signing-key")
TOKEN_LIFETIME = 3600.0

FOREIGN_KEYS = {"AUTH_PUBLIC_KEY", "AUTH_PUBLIC_KEY_FILE", "AUTH_JWKS_URL"}
"""Variables that are set where another service issues the tokens."""

type AuthGroup = type[AuthOptions | IssuerOptions]


def accept_development_tokens(settings: type[KitSettings]) -> None:
    """Set the variables of the development key, unless the service has a key already."""
    group = find_auth_group(settings)
    if group is None or any(map(os.environ.get, FOREIGN_KEYS)):
        return
    if not is_set("AUTH_SIGNING_KEY"):
        os.environ["AUTH_SIGNING_KEY"] = read_development_key()
    if issubclass(group, AuthOptions):
        private = keys.read_private_key(read_variable("AUTH_SIGNING_KEY") or "")
        os.environ["AUTH_PUBLIC_KEY"] = keys.format_public_key(private.public_key())
        os.environ["AUTH_ISSUER"] = DEVELOPER
        os.environ["AUTH_AUDIENCE"] = DEVELOPER


def make_authorization(
    settings: type[KitSettings], subject: str = DEVELOPER, **claims: object
) -> str | None:
    """Return the header `Authorization` with a token for development, or None."""
    token = sign_development_token(settings, subject, **claims)
    group = find_auth_group(settings)
    return f"{read_option(group, 'scheme')} {token}" if token and group else None


def sign_development_token(
    settings: type[KitSettings], subject: str = DEVELOPER, **claims: object
) -> str | None:
    """Return a token that the service accepts, or None if it takes none. Raises `CommandError`."""
    group = find_auth_group(settings)
    if group is None:
        return None
    try:
        accept_development_tokens(settings)
        text = read_variable("AUTH_SIGNING_KEY")
        if text is None:
            foreign = min(filter(os.environ.get, FOREIGN_KEYS))
            raise CommandError(
                f"{foreign} is set, so tokens come from elsewhere: get one there, or unset it."
            )
        private = keys.read_private_key(text)
    except ValueError as error:
        raise CommandError(f"AUTH_SIGNING_KEY, or {KEY_FILE}: {error}.") from None
    issuer = read_option(group, "issuer")
    audience = read_option(group, "audience")
    return keys.sign_token(private, issuer, audience, subject, TOKEN_LIFETIME, claims)


def read_option(group: AuthGroup, option: str) -> str:
    """Return the issuer, the audience or the scheme that the service expects."""
    field = group.model_fields[option]
    default: str = DEVELOPER if field.is_required() else field.default
    return os.environ.get(f"AUTH_{option.upper()}", default)


def find_auth_group(settings: type[KitSettings]) -> AuthGroup | None:
    """Return the type of the settings' group `auth`, if there is one."""
    field = settings.model_fields.get("auth")
    group = field.annotation if field else None
    if isinstance(group, type) and issubclass(group, AuthOptions | IssuerOptions):
        return group
    return None


def read_development_key() -> str:
    """Return the development key. The first call creates it."""
    if not KEY_FILE.exists():
        KEY_FILE.touch(0o600)
        KEY_FILE.write_text(keys.make_key())
    return KEY_FILE.read_text().strip()
