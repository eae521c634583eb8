# kit: updated by the template; extend it from app.py
"""Verifies bearer tokens (RFC 6750), as a resource server must (RFC 9068, RFC 8725).

The settings fix the algorithm, so no token can choose it. Verified tokens are cached until they
expire: verifying a signature costs about 0.1 ms, finding a token in the cache about 1 µs.
"""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

import jwt
import msgspec

from service.kit.auth.key_set import KeySet, UnknownKeyError
from service.kit.auth.keys import AuthOptions, IssuerOptions
from service.kit.auth.revocations import Revocations
from service.kit.work import asgi, metrics
from service.kit.work.problems import Problem, busy

REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
"""The claims that a token must have. `nbf` is checked if present."""

DECODING_ERRORS = (jwt.PyJWTError, TypeError, ValueError, OverflowError, RecursionError)
"""What decoding raises for malformed tokens: numbers of 400 digits, lone surrogates, deep nesting,
and worse."""

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAlgorithmError: "it is signed with another algorithm",
    jwt.InvalidAudienceError: "it is for another service",
    jwt.InvalidIssuerError: "it comes from another issuer",
    jwt.InvalidSignatureError: "its signature is wrong",
}


class Caller(NamedTuple):
    """Who sends a request.

    `id` is the token's `sub`, `claims` are all its claims, and `expires` is Unix time.
    """

    id: str
    claims: Mapping[str, Any]
    expires: float


class Auth:
    """Verifies the tokens of requests; `web.build` takes it.

    Without `revocations`, a token is valid until it expires.
    """

    def __init__(
        self, options: AuthOptions | IssuerOptions, revocations: Revocations | None = None
    ) -> None:
        self.options = options
        self.revocations = revocations
        self.scheme = options.scheme
        self.keys = KeySet(options)
        self.verify_cached = lru_cache(options.cache_size)(self.verify_token)

    async def identify(self, headers: asgi.Headers) -> Caller:
        """Return who sends a request with these headers.

        Raises a 401 problem that says what is wrong with the token, or a 503 problem while the
        issuer's keys cannot be fetched, or revocations have not been read yet.
        """
        token = self.read_token(headers)
        if self.keys.can_change:
            self.keys.refresh()
        try:
            caller = self.verify_cached(token, self.keys.version)
        except UnknownKeyError:
            await self.keys.fetch_unknown()
            try:
                caller = self.verify_cached(token, self.keys.version)
            except UnknownKeyError:
                raise self.refuse_token(
                    "it is signed with a key that its issuer does not have"
                ) from None
        if caller.expires + self.options.leeway <= time.time():
            raise self.refuse_token("it has expired")
        if self.revocations:
            self.check_revoked(caller, self.revocations)
        return caller

    def check_revoked(self, caller: Caller, known: Revocations) -> None:
        """Raise a 401 problem for a revoked token, or a 503 while it is not known which ones are.

        One without a time of issue counts as the oldest.
        """
        issued_at = caller.claims.get("iat")
        not_before = known.not_before.get(caller.id, known.floor)
        if isinstance(issued_at, int | float) and issued_at > not_before:
            return
        if known.floor == inf:
            raise busy("It is not known yet which tokens are revoked; try again in a moment.")
        raise self.refuse_token("its bearer was signed out")

    def verify_token(self, token: str, version: int = 0) -> Caller:
        """Return the caller of a token whose signature and claims are right.

        `version` is that of the keys, and there for the cache: once the keys have changed, what was
        cached no longer counts, since one of them may be withdrawn.
        """
        try:
            key = self.keys.find_key(jwt.get_unverified_header(token).get("kid"))
            # This checks the signature, the algorithm, the times, the issuer and the audience.
            claims = jwt.decode(
                token,
                key,
                algorithms=[self.options.algorithm],
                audience=self.options.audience,
                issuer=self.options.issuer,
                leeway=self.options.leeway,
                options={"require": REQUIRED_CLAIMS},
            )
            # What JSON and PostgreSQL cannot hold must not reach the handlers.
            msgspec.json.encode(claims)
            caller = Caller(claims["sub"], claims, float(claims["exp"]))
        except jwt.MissingRequiredClaimError as error:
            raise self.refuse_token(f"it has no `{error.claim}`") from None
        except DECODING_ERRORS as error:
            raise self.refuse_token(REASONS.get(type(error), "it is malformed")) from None
        metrics.get_metrics().tokens.labels("verified").inc()
        return caller

    async def identify_optional(self, headers: asgi.Headers) -> Caller | None:
        """Return who sends a request, or None if it has no header `Authorization`.

        Raises the problems of `identify`.
        """
        if all(name != b"authorization" for name, _ in headers):
            return None
        return await self.identify(headers)

    def read_token(self, headers: asgi.Headers) -> str:
        """Return the token in the header `Authorization`. Raises a 401 problem."""
        sent = [value for name, value in headers if name == b"authorization"]
        header = sent[0].decode("latin-1") if sent else ""
        scheme, _, token = header.partition(" ")
        is_ours = scheme == self.scheme or scheme.lower() == self.scheme.lower()
        if not is_ours or not token.strip():
            metrics.get_metrics().tokens.labels("missing").inc()
            detail = f"This needs a token: send the header `Authorization: {self.scheme} TOKEN`."
            raise Problem(401, "unauthenticated", detail, headers={"www-authenticate": self.scheme})
        if len(sent) > 1:
            raise self.refuse_token("it is sent alongside another Authorization header")
        return token.strip()

    def refuse_token(self, reason: str) -> Problem:
        """401: a token was sent, and cannot be accepted."""
        metrics.get_metrics().tokens.labels("refused").inc()
        detail = f"The token is refused: {reason}. Get a new one."
        headers = {"www-authenticate": f'{self.scheme} error="invalid_token"'}
        return Problem(401, "unauthenticated", detail, headers=headers)

    def refuse_access(self, missing: Sequence[str]) -> Problem:
        """403: the token is valid, and lacks some scopes or roles (RFC 6750, section 3.1)."""
        detail = f"The token needs {' and '.join(missing)} among its scopes or roles."
        challenge = f'{self.scheme} error="insufficient_scope", scope="{" ".join(missing)}"'
        return Problem(403, "forbidden", detail, headers={"www-authenticate": challenge})
