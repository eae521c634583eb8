# kit: updated by the template; extend it from app.py
"""Reads and makes keys, signs tokens with them, and has the settings AUTH_*.

Tokens are JWT (RFC 7519), signed with Ed25519 (RFC 8037). The group `auth` in settings.py is
`IssuerOptions` if the service signs its own tokens, and `AuthOptions` if another service does.
"""

import base64
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Literal, Self

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from pydantic import AfterValidator, BaseModel, Field, HttpUrl, SecretStr, model_validator

from service.kit.renamed import find_renamed

PEM_BLOCK = re.compile(r"-----BEGIN.+?-----END[^\n]+", re.DOTALL)


def make_key() -> str:
    """Return a new private key, in one line."""
    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return base64.b64encode(key).decode()


def read_private_key(text: str) -> Ed25519PrivateKey:
    """Return an Ed25519 key from PEM or one line. Raises ValueError for anything else."""
    try:
        key = serialization.load_pem_private_key(to_pem("PRIVATE KEY", text), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is not a private key; make one with `uv run service key`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key; make one with `uv run service key`")
    return key


def read_public_key(text: str) -> PublicKeyTypes:
    """Return a public key from PEM or one line. Raises ValueError."""
    try:
        return serialization.load_pem_public_key(to_pem("PUBLIC KEY", text))
    except (ValueError, UnsupportedAlgorithm):
        advice = "`uv run service key` prints one with each private key"
        raise ValueError(f"it is not a public key; {advice}") from None


def read_public_keys(text: str) -> list[PublicKeyTypes]:
    """Return public keys from PEM, or from one line each. Raises ValueError."""
    parts = PEM_BLOCK.findall(text) + PEM_BLOCK.sub("", text).split()
    return [read_public_key(part) for part in parts]


def to_pem(label: str, text: str) -> bytes:
    """Return a key in PEM. In one line, as in a variable, it lacks the first and the last line."""
    if not text.startswith("-----BEGIN"):
        text = f"-----BEGIN {label}-----\n{text}\n-----END {label}-----\n"
    return text.encode()


def format_public_key(key: PublicKeyTypes) -> str:
    """Return a public key in one line."""
    content = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(content).decode()


def get_key_id(key: PublicKeyTypes) -> str:
    """Return the key id (`kid`) that our tokens carry."""
    return sha256(format_public_key(key).encode()).hexdigest()[:16]


def sign_token(
    key: Ed25519PrivateKey,
    issuer: str,
    audience: str,
    subject: str,
    lifetime: float,
    extra_claims: Mapping[str, object] = MappingProxyType({}),
    issued_at: float | None = None,
) -> str:
    """Return a token for `subject`, valid for `lifetime` seconds. Costs about 0.1 ms.

    Its times have fractions: a login may follow a revocation within the same second. Raises
    ValueError for an extra claim that is set here.
    """
    now = time.time() if issued_at is None else issued_at
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "iat": now,
        "nbf": now,
        "exp": now + int(lifetime),
    }
    reserved = sorted(claims.keys() & extra_claims.keys())
    if reserved:
        raise ValueError(f"the claim {reserved[0]} is set for each token; give yours another name")
    claims |= extra_claims
    return jwt.encode(claims, key, "EdDSA", {"kid": get_key_id(key.public_key())})


def check_by(read: Callable[[str], object]) -> AfterValidator:
    """Return a validator of secrets that `read` must be able to read."""

    def check(text: SecretStr) -> SecretStr:
        read(text.get_secret_value())
        return text

    return AfterValidator(check)


# Public keys are no secrets, but a secret can come from a file, and be changed there.
PublicKey = Annotated[SecretStr, check_by(read_public_key)]
PublicKeys = Annotated[SecretStr, check_by(read_public_keys)]
PrivateKey = Annotated[SecretStr, check_by(read_private_key)]


class VerificationOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """AUTH_*: how the tokens of any issuer are verified."""

    leeway: Annotated[float, Field(ge=0, le=300)] = 10
    """seconds that clocks may differ"""
    cache_size: Annotated[int, Field(ge=0)] = 10_000
    """verified tokens that each worker remembers"""
    scheme: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = "Bearer"
    """the word before the token in `Authorization`"""


class AuthOptions(VerificationOptions, frozen=True):
    """AUTH_*: the issuer whose tokens are accepted, and its key or where it publishes its keys."""

    issuer: Annotated[str, Field(min_length=1)]
    """the `iss` that tokens must have"""
    audience: Annotated[str, Field(min_length=1)]
    """the `aud` that tokens must have: this service"""
    algorithm: Literal["EdDSA", "ES256", "PS256", "RS256"] = "EdDSA"
    """the only signature algorithm accepted"""
    public_key: PublicKey | None = None
    """the issuer's public key, as PEM or in one line"""
    jwks_url: HttpUrl | None = None
    """or the URL of its published keys"""
    jwks_max_age: Annotated[float, Field(ge=1)] = 600
    """seconds until published keys are fetched again"""
    jwks_timeout: Annotated[float, Field(gt=0, le=10)] = 2
    """seconds that fetching them may take"""
    jwks_bytes: Annotated[int, Field(ge=1, le=10**8)] = 1_000_000
    """maximum size of published keys in bytes"""

    @model_validator(mode="after")
    def require_key(self) -> Self:
        if (self.public_key is None) == (self.jwks_url is None):
            reason = "tokens are checked with the key"
            raise ValueError(f"set AUTH_PUBLIC_KEY or AUTH_JWKS_URL, and not both: {reason}")
        return self


class IssuerOptions(VerificationOptions, frozen=True):
    """AUTH_*: the key that signs the service's own tokens, and how they are verified."""

    signing_key: PrivateKey
    """the private key that signs tokens; `uv run service key` makes one"""
    previous_key: PublicKeys | None = None
    """public halves of other keys to accept: the old one until its tokens expire, the next one"""
    token_lifetime: Annotated[float, Field(ge=60, le=86400)] = 3600
    """seconds until a token expires"""
    issuer: Annotated[str, Field(min_length=1)] = "service"
    """the `iss` of tokens"""
    audience: Annotated[str, Field(min_length=1)] = "service"
    """the `aud` of tokens"""
    algorithm: Literal["EdDSA"] = "EdDSA"
    """the signature algorithm"""

    def sign(self, subject: str, *, issued_at: float | None = None, **claims: object) -> str:
        """Return a token whose bearer is `subject`, with more claims. Costs about 0.2 ms.

        For `access=Needs("admin")`, give it `roles=["admin"]` or `scope="admin"`. `issued_at` is
        Unix time, by default now. Give it that of the database, where the password was still right:
        then no revocation misses the token. Raises ValueError for a claim that is set for each
        token, such as `exp`.
        """
        key = read_private_key(self.signing_key.get_secret_value())
        lifetime = self.token_lifetime
        return sign_token(key, self.issuer, self.audience, subject, lifetime, claims, issued_at)


__getattr__ = find_renamed(__name__)
