# kit: updated by the template; extend it from app.py
"""Keys: their text in settings, the tokens signed with them (JWT, Ed25519: RFC 7519, RFC 8037), and published sets."""

import asyncio
import base64
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import click
import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from service.kit.edge import busy

PAUSE = 10.0
"""The least seconds between two fetches of published keys, so that made-up key ids do not cause a fetch each."""

log = structlog.get_logger(__name__)


def make_key() -> str:
    """Return a new private key, in one line."""
    form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes(*form)).decode()


def read_private(text: str) -> Ed25519PrivateKey:
    """Return a private key from PEM or one line. Raises `ValueError` for anything but an Ed25519 key."""
    try:
        key = serialization.load_pem_private_key(write_pem("PRIVATE KEY", text), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is not a private key; make one with `uv run service key`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key; make one with `uv run service key`")
    return key


def read_public(text: str) -> PublicKeyTypes:
    """Return a public key from PEM or one line. Raises `ValueError`."""
    try:
        return serialization.load_pem_public_key(write_pem("PUBLIC KEY", text))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("it is not a public key; `uv run service key` prints one beside each private key") from None


def write_pem(kind: str, text: str) -> bytes:
    """Return a key in PEM. Without that frame, it is the same Base64 in one line, which fits a variable best."""
    return (
        text if text.startswith("-----BEGIN") else f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n"
    ).encode()


def write_public(key: PublicKeyTypes) -> str:
    """Return a public key in one line."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(*form)).decode()


def name_key(key: PublicKeyTypes) -> str:
    """Return the key id (`kid`) that our tokens carry."""
    return sha256(write_public(key).encode()).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, issuer: str, audience: str, subject: str, lifetime: float) -> str:
    """Return a token for `subject`, valid for `lifetime` seconds. Costs about 0.1 ms."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": audience, "sub": subject, "iat": now, "nbf": now, "exp": now + int(lifetime)}
    return jwt.encode(claims, key, "EdDSA", {"kid": name_key(key.public_key())})


class UnknownKeyError(Exception):
    """A token names a key that is not among those known."""


class Keys:
    """The public keys of an issuer, by key id. With `any_name`, the only one checks tokens whatever id they carry."""

    version = 0
    """Grows when the keys change."""

    def __init__(self, known: Mapping[str, Any], *, any_name: bool = False) -> None:
        self.known = known
        self.any_name = any_name

    def find(self, name: str | None) -> Any:
        """Return the key that a token names; it may name none if there is only one. Raises `UnknownKeyError`."""
        if len(self.known) == 1 and (name is None or self.any_name):
            return next(iter(self.known.values()))
        try:
            return self.known[name or ""]
        except KeyError:
            raise UnknownKeyError from None

    def renew(self, *, at_once: bool = False) -> None:
        """Start to fetch published keys again when they are old, or at once."""

    async def fetch_unknown(self) -> None:
        """Fetch published keys again because a token names an unknown one. Raises a 503 problem when there are none."""


class PublishedKeys(Keys):
    """The keys that an issuer publishes as a JWK set (RFC 7517).

    Old keys stay in use during a fetch, so a slow issuer delays nobody whose key is known.
    """

    def __init__(self, url: str, max_age: float, timeout: float) -> None:
        super().__init__({})
        self.source = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=timeout)
        self.max_age = max_age
        self.fetched_at = self.tried_at = float("-inf")
        self.fetching: asyncio.Task[None] | None = None

    def renew(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        is_due = at_once or now - self.fetched_at > self.max_age
        if is_due and self.fetching is None and now - self.tried_at > PAUSE:
            self.tried_at = now
            self.fetching = asyncio.create_task(self.fetch())

    async def fetch_unknown(self) -> None:
        self.renew(at_once=True)
        if self.fetching is not None:
            await asyncio.shield(self.fetching)
        if not self.known:
            raise busy("The issuer's keys cannot be fetched, so no token can be checked; try again in a moment.")

    async def fetch(self) -> None:
        """Fetch the keys once, in a thread. Known keys stay when it fails."""
        try:
            published = await asyncio.to_thread(self.source.get_jwk_set)
            self.known = {key.key_id or "": key.key for key in published.keys if key.public_key_use in (None, "sig")}
            self.version += 1
            self.fetched_at = time.monotonic()
        except (jwt.PyJWTError, OSError, ValueError) as error:
            log.warning("jwks_unreadable", url=self.source.uri, error=str(error), kept=len(self.known))
        finally:
            self.fetching = None


@click.command(name="key")
def print_key() -> None:
    """Print a new key for signing tokens, and its public half.

    Keep the first line secret: anyone holding it can impersonate any user. Give every replica the same key.
    """
    key = make_key()
    click.echo(f"AUTH_SIGNING_KEY={key}")
    click.echo(f"# public half: {write_public(read_private(key).public_key())}")
