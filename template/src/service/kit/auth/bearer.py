# kit: updated by the template; extend it from app.py
"""Who sends a request: bearer tokens (RFC 6750), checked as a resource server must (RFC 9068, RFC 8725).

The settings fix the algorithm, so no token can choose it. A token that was verified is remembered until it expires:
checking a signature costs some 0.1 ms, finding the token again about 1 µs.
"""

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jwt

from service.kit.auth.issuer import AuthOptions, IssuerOptions
from service.kit.auth.jwks import UnknownKeyError
from service.kit.edge import Problem, metrics

type Headers = Iterable[tuple[bytes, bytes]]

REQUIRED = ["exp", "iss", "aud", "sub"]
"""What a token must say, beside a signature that holds. `nbf` counts where it is there."""

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAlgorithmError: "it is signed with another algorithm",
    jwt.InvalidAudienceError: "it is for another service",
    jwt.InvalidIssuerError: "it comes from another issuer",
    jwt.InvalidSignatureError: "its signature is wrong",
}


class Caller(NamedTuple):
    """Who sends a request: `id` is the token's `sub`, `claims` is all that it says, `expires` is in Unix time."""

    id: str
    claims: Mapping[str, Any]
    expires: float


class Auth:
    """Checks the tokens of requests. Hand it to `http.build`."""

    def __init__(self, options: AuthOptions | IssuerOptions) -> None:
        self.options = options
        self.keys = options.open_keys()
        self.trusted = self.keys.known
        self.verify = lru_cache(options.cache_size)(self.check)

    async def identify(self, headers: Headers) -> Caller:
        """Return who sends a request with these headers.

        Raises a 401 problem that says what is wrong with the token, or a 503 problem while there are no keys to check
        it with.
        """
        token = read_bearer(headers)
        if self.keys.is_stale:
            self.keys.renew()
        try:
            caller = self.verify_known(token)
        except UnknownKeyError:
            await self.keys.refresh()
            caller = self.verify_at_last(token)
        if caller.expires + self.options.leeway <= time.time():
            raise refuse("it has expired")
        return caller

    def verify_known(self, token: str) -> Caller:
        """Verify a token, or find it among those known: none whose key may have been withdrawn since."""
        if self.keys.known is not self.trusted:
            self.trusted = self.keys.known
            self.verify.cache_clear()
        return self.verify(token)

    def verify_at_last(self, token: str) -> Caller:
        """Verify a token after its key was looked for."""
        try:
            return self.verify_known(token)
        except UnknownKeyError:
            raise refuse("it is signed with a key that its issuer does not have") from None

    def check(self, token: str) -> Caller:
        """Return what a token says, or raise a 401 problem."""
        try:
            key = self.keys.find(jwt.get_unverified_header(token).get("kid"))
            claims = jwt.decode(
                token,
                key,
                algorithms=[self.options.algorithm],
                audience=self.options.audience,
                issuer=self.options.issuer,
                leeway=self.options.leeway,
                options={"require": REQUIRED},
            )
        except jwt.MissingRequiredClaimError as error:
            raise refuse(f"it has no `{error.claim}`") from None
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise refuse(REASONS.get(type(error), "it is malformed")) from None
        metrics.count_token("verified")
        return Caller(claims["sub"], claims, float(claims["exp"]))


def read_bearer(headers: Headers) -> str:
    """Return the token of a request, or raise a 401 problem."""
    sent = [value for name, value in headers if name == b"authorization"]
    scheme, _, token = sent[0].decode("latin-1").partition(" ") if sent else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise ask()
    if len(sent) > 1:
        raise refuse("it is sent beside another Authorization header")
    return token.strip()


def ask() -> Problem:
    """401: the request has no token."""
    metrics.count_token("missing")
    detail = "This needs a token: send the header `Authorization: Bearer TOKEN`."
    return Problem(401, "unauthenticated", detail, headers={"www-authenticate": "Bearer"})


def refuse(reason: str) -> Problem:
    """401: the token does not count."""
    metrics.count_token("refused")
    detail = f"The token is refused: {reason}. Get a new one."
    return Problem(401, "unauthenticated", detail, headers={"www-authenticate": 'Bearer error="invalid_token"'})
