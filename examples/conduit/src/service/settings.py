"""The variables that the service reads: the kit's groups, and its own. `service settings` lists them all."""

from service.kit.auth import IssuerOptions
from service.kit.server import KitSettings


class TokenOptions(IssuerOptions, frozen=True):
    """AUTH_*: as for any issuer, but clients send `Authorization: Token …`."""

    scheme: str = "Token"


class Settings(KitSettings):
    """The service issues its own tokens, at a login."""

    auth: TokenOptions
