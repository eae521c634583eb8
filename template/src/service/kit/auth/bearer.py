# kit: updated by the template; extend it from app.py
"""Who sends a request: bearer tokens (RFC 6750), checked as a resource server must (RFC 9068, RFC 8725).

The settings fix the algorithm, so no token can choose it. Verified tokens are cached until they expire: checking a
signature costs about 0.1 ms, finding a token in the cache about 1 µs.
"""

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jwt
import msgspec

from service.kit.auth.issuer import AuthOptions, IssuerOptions
from service.kit.auth.keys import UnknownKeyError
from service.kit.edge import Problem, metrics

type Headers = Iterable[tuple[bytes, bytes]]

REQUIRED = ["exp", "iss", "aud", "sub"]
"""The claims that a token must have. `nbf` is checked if present."""

MALFORMED = (jwt.PyJWTError, TypeError, ValueError, OverflowError, RecursionError)
"""What decoding raises for nonsense: numbers of 400 digits, lone surrogates, deep nesting, and worse."""

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAlgorithmError: "it is signed with another algorithm",
    jwt.InvalidAudienceError: "it is for another service",
    jwt.InvalidIssuerError: "it comes from another issuer",
    jwt.InvalidSignatureError: "its signature is wrong",
}


class Caller(NamedTuple):
    """Who sends a request: `id` is the token's `sub`, `claims` are all its claims, `expires` is Unix time."""

    id: str
    claims: Mapping[str, Any]
    expires: float


class Auth:
    """Checks the tokens of requests; `web.build` takes it."""

    def __init__(self, options: AuthOptions | IssuerOptions) -> None:
        self.options = options
        self.keys = options.open_keys()
        self.verify = lru_cache(options.cache_size)(self.check)

    async def identify(self, headers: Headers) -> Caller:
        """Return who sends a request with these headers.

        Raises a 401 problem that says what is wrong with the token, or a 503 problem while the issuer's keys cannot be
        fetched.
        """
        token = read_bearer(headers)
        self.keys.renew()
        try:
            caller = self.verify(token, self.keys.version)
        except UnknownKeyError:
            await self.keys.fetch_unknown()
            try:
                caller = self.verify(token, self.keys.version)
            except UnknownKeyError:
                raise refuse("it is signed with a key that its issuer does not have") from None
        if caller.expires + self.options.leeway <= time.time():
            raise refuse("it has expired")
        return caller

    def check(self, token: str, version: int = 0) -> Caller:
        """Verify a token. With another `version` of the keys the cache is of no use: one may be withdrawn."""
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
            msgspec.json.encode(claims)  # what JSON and PostgreSQL cannot hold must not reach the handlers
            caller = Caller(claims["sub"], claims, float(claims["exp"]))
        except jwt.MissingRequiredClaimError as error:
            raise refuse(f"it has no `{error.claim}`") from None
        except MALFORMED as error:
            raise refuse(REASONS.get(type(error), "it is malformed")) from None
        metrics.count_token("verified")
        return caller


def read_bearer(headers: Headers) -> str:
    sent = [value for name, value in headers if name == b"authorization"]
    scheme, _, token = sent[0].decode("latin-1").partition(" ") if sent else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        metrics.count_token("missing")
        detail = "This needs a token: send the header `Authorization: Bearer TOKEN`."
        raise Problem(401, "unauthenticated", detail, headers={"www-authenticate": "Bearer"})
    if len(sent) > 1:
        raise refuse("it is sent beside another Authorization header")
    return token.strip()


def refuse(reason: str) -> Problem:
    metrics.count_token("refused")
    detail = f"The token is refused: {reason}. Get a new one."
    return Problem(401, "unauthenticated", detail, headers={"www-authenticate": 'Bearer error="invalid_token"'})
