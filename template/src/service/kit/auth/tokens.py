# kit: updated by the template; extend it from app.py
"""Keys, and the tokens that a service signs with its own: JWT with Ed25519 (RFC 7519, RFC 8037)."""

import base64
import binascii
import time
from hashlib import sha256

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

ALGORITHM = "EdDSA"
HEAD = "-----BEGIN"
"""How PEM begins. A key without it is the same text in one line, which is what a variable holds best."""


def make_key() -> str:
    """Return a new private key, in one line."""
    form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes(*form)).decode()


def read_private(text: str) -> Ed25519PrivateKey:
    """Return a private key from PEM or from one line. Raises `ValueError` for what is no Ed25519 key."""
    try:
        if text.startswith(HEAD):
            key: PrivateKeyTypes = serialization.load_pem_private_key(text.encode(), None)
        else:
            key = serialization.load_der_private_key(base64.b64decode(text, validate=True), None)
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        raise ValueError("it is not a private key; make one with `uv run service key`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key; make one with `uv run service key`")
    return key


def read_public(text: str) -> PublicKeyTypes:
    """Return a public key from PEM or from one line. Raises `ValueError`."""
    try:
        if text.startswith(HEAD):
            return serialization.load_pem_public_key(text.encode())
        return serialization.load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise ValueError("it is not a public key; `uv run service key` prints one beside each private key") from None


def write_public(key: PublicKeyTypes) -> str:
    """Return a public key in one line."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(*form)).decode()


def name_key(key: PublicKeyTypes) -> str:
    """Return the id of a key, by which a token says what it was signed with."""
    return sha256(write_public(key).encode()).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, issuer: str, audience: str, subject: str, lifetime: float) -> str:
    """Return a token for `subject` that is valid for `lifetime` seconds from now. Costs some 0.1 ms."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": audience, "sub": subject, "iat": now, "nbf": now, "exp": now + int(lifetime)}
    return jwt.encode(claims, key, ALGORITHM, {"kid": name_key(key.public_key())})
