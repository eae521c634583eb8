# kit: updated by the template; extend it from app.py
"""AUTH_*: whose tokens the service accepts. The group `auth` in settings.py has one of two types.

`IssuerOptions` if the service signs its own tokens, `AuthOptions` if another service does.
"""

from typing import Annotated, Literal, Self

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from pydantic import AfterValidator, BaseModel, Field, HttpUrl, SecretStr, model_validator

from service.kit.auth import keys
from service.kit.auth.keys import Keys, PublishedKeys


def check_public(text: str) -> str:
    keys.read_public(text)
    return text


def check_private(text: SecretStr) -> SecretStr:
    keys.read_private(text.get_secret_value())
    return text


PublicKey = Annotated[str, AfterValidator(check_public)]
PrivateKey = Annotated[SecretStr, AfterValidator(check_private)]


class CheckOptions(BaseModel, frozen=True):
    """AUTH_*: how tokens are checked, whoever issues them."""

    leeway: Annotated[float, Field(ge=0, le=300, description="seconds that clocks may differ")] = 10
    cache_size: Annotated[int, Field(ge=0, description="verified tokens that each worker remembers")] = 10_000


class AuthOptions(CheckOptions, frozen=True):
    """AUTH_*: the issuer whose tokens are accepted, and its key or the address where it publishes its keys."""

    issuer: Annotated[str, Field(min_length=1, description="the `iss` that tokens must have")]
    audience: Annotated[str, Field(min_length=1, description="the `aud` that tokens must have: this service")]
    algorithm: Annotated[
        Literal["EdDSA", "ES256", "PS256", "RS256"], Field(description="the only signature algorithm accepted")
    ] = "EdDSA"
    public_key: Annotated[PublicKey | None, Field(description="the issuer's public key, as PEM or in one line")] = None
    jwks_url: Annotated[HttpUrl | None, Field(description="or the URL of its published keys")] = None
    jwks_max_age: Annotated[float, Field(ge=1, description="seconds until published keys are fetched again")] = 600
    jwks_timeout: Annotated[float, Field(gt=0, le=10, description="seconds that fetching them may take")] = 2

    @model_validator(mode="after")
    def require_key(self) -> Self:
        if (self.public_key is None) == (self.jwks_url is None):
            raise ValueError("set AUTH_PUBLIC_KEY or AUTH_JWKS_URL, and not both: tokens are checked with the key")
        return self

    def open_keys(self) -> Keys:
        if self.jwks_url is not None:
            return PublishedKeys(str(self.jwks_url), self.jwks_max_age, self.jwks_timeout)
        return Keys({"": keys.read_public(self.public_key or "")}, any_name=True)


class IssuerOptions(CheckOptions, frozen=True):
    """AUTH_*: the key that signs the service's own tokens, and how they are checked."""

    signing_key: Annotated[
        PrivateKey, Field(description="the private key that signs tokens; `uv run service key` makes one")
    ]
    previous_key: Annotated[
        PublicKey | None, Field(description="the public half of the old signing key, until its tokens expire")
    ] = None
    token_lifetime: Annotated[float, Field(ge=60, le=86400, description="seconds until a token expires")] = 3600
    issuer: Annotated[str, Field(min_length=1, description="the `iss` of tokens")] = "service"
    audience: Annotated[str, Field(min_length=1, description="the `aud` of tokens")] = "service"
    algorithm: Annotated[Literal["EdDSA"], Field(description="the signature algorithm")] = "EdDSA"

    def open_keys(self) -> Keys:
        known: list[PublicKeyTypes] = [keys.read_private(self.signing_key.get_secret_value()).public_key()]
        if self.previous_key is not None:
            known.append(keys.read_public(self.previous_key))
        return Keys({keys.name_key(key): key for key in known})

    def sign(self, subject: str) -> str:
        """Return a token whose bearer is `subject`. Costs about 0.2 ms."""
        key = keys.read_private(self.signing_key.get_secret_value())
        return keys.sign(key, self.issuer, self.audience, subject, self.token_lifetime)
