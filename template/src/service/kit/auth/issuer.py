# kit: updated by the template; extend it from app.py
"""Whose tokens count: the group `auth` of settings.py is one of the two below.

`IssuerOptions` where the service signs its tokens itself, `AuthOptions` where another service does.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, HttpUrl, SecretStr, model_validator

from service.kit.auth import tokens
from service.kit.auth.jwks import ConfiguredKey, Keys, PublishedKeys


def check_public(text: str) -> str:
    """Refuse what is no public key."""
    tokens.read_public(text)
    return text


def check_private(text: SecretStr) -> SecretStr:
    """Refuse what is no private key."""
    tokens.read_private(text.get_secret_value())
    return text


PublicKey = Annotated[str, AfterValidator(check_public)]
PrivateKey = Annotated[SecretStr, AfterValidator(check_private)]


class CheckOptions(BaseModel, frozen=True):
    """AUTH_*: how tokens are checked, whoever issues them."""

    leeway: Annotated[float, Field(ge=0, le=300, description="seconds that clocks may differ")] = 10
    cache_size: Annotated[int, Field(ge=0, description="verified tokens that each worker remembers")] = 10_000


class AuthOptions(CheckOptions, frozen=True):
    """AUTH_*: the issuer whose tokens are accepted, and its key or where it publishes its keys."""

    issuer: Annotated[str, Field(min_length=1, description="who issues the tokens: their `iss`")]
    audience: Annotated[str, Field(min_length=1, description="whom they are for, this service: their `aud`")]
    algorithm: Annotated[
        Literal["EdDSA", "ES256", "PS256", "RS256"], Field(description="what they are signed with, and nothing else")
    ] = "EdDSA"
    public_key: Annotated[PublicKey | None, Field(description="the issuer's public key, as PEM or in one line")] = None
    jwks_url: Annotated[HttpUrl | None, Field(description="or where it publishes its keys")] = None
    jwks_max_age: Annotated[float, Field(ge=1, description="seconds after which they are read again")] = 600
    jwks_timeout: Annotated[float, Field(gt=0, le=10, description="seconds that reading them may take")] = 2

    @model_validator(mode="after")
    def require_key(self) -> Self:
        """Refuse settings by which no token could be checked."""
        if (self.public_key is None) == (self.jwks_url is None):
            raise ValueError("set AUTH_PUBLIC_KEY or AUTH_JWKS_URL, and not both: tokens are checked with the key")
        return self

    def open_keys(self) -> Keys:
        """Return the keys that tokens are checked with."""
        if self.jwks_url is not None:
            return PublishedKeys(str(self.jwks_url), self.jwks_max_age, self.jwks_timeout)
        return ConfiguredKey({"": tokens.read_public(self.public_key or "")})


class IssuerOptions(CheckOptions, frozen=True):
    """AUTH_*: the key that the service signs its tokens with, and how it checks them."""

    signing_key: Annotated[
        PrivateKey, Field(description="the private key that signs tokens; `uv run service key` makes one")
    ]
    previous_key: Annotated[
        PublicKey | None, Field(description="the public key of the signing key before, while its tokens are in use")
    ] = None
    token_lifetime: Annotated[float, Field(ge=60, le=86400, description="seconds for which a token is valid")] = 3600
    issuer: Annotated[str, Field(min_length=1, description="who issues the tokens: their `iss`")] = "service"
    audience: Annotated[str, Field(min_length=1, description="whom they are for: their `aud`")] = "service"
    algorithm: Annotated[Literal["EdDSA"], Field(description="what they are signed with")] = "EdDSA"

    def open_keys(self) -> Keys:
        """Return the keys that tokens are checked with."""
        keys = [tokens.read_private(self.signing_key.get_secret_value()).public_key()]
        if self.previous_key is not None:
            keys.append(tokens.read_public(self.previous_key))
        return Keys({tokens.name_key(key): key for key in keys})

    def sign(self, subject: str) -> str:
        """Return a token that says that its bearer is `subject`. Costs some 0.2 ms."""
        key = tokens.read_private(self.signing_key.get_secret_value())
        return tokens.sign(key, self.issuer, self.audience, subject, self.token_lifetime)
