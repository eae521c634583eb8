# kit: updated by the template; extend it from app.py
"""Who sends a request: bearer tokens (RFC 6750), checked as a resource server must (RFC 9068, RFC
8725).

The settings fix the algorithm, so no token can choose it. Verified tokens are cached until they
expire: checking a signature costs about 0.1 ms, finding a token in the cache about 1 µs.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from contextvars import Context
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from service.kit.auth.keys import (
    AuthOptions,
    IssuerOptions,
    get_key_id,
    read_private_key,
    read_public_key,
)
from service.kit.calls.client import ClientOptions, make_client
from service.kit.work import metrics
from service.kit.work.problems import Problem, busy

if TYPE_CHECKING:
    import httpx2

log = structlog.get_logger(__name__)

type Headers = Iterable[tuple[bytes, bytes]]

PAUSE = 10.0
"""The least seconds between two fetches of published keys, so that made-up key ids do not cause a
fetch each."""

LONGEST = 500
"""Characters of an error about published keys that are logged; it may quote them."""

REQUIRED = ["exp", "iss", "aud", "sub"]
"""The claims that a token must have. `nbf` is checked if present."""

MALFORMED = (jwt.PyJWTError, TypeError, ValueError, OverflowError, RecursionError)
"""What decoding raises for nonsense: numbers of 400 digits, lone surrogates, deep nesting, and
worse."""

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAlgorithmError: "it is signed with another algorithm",
    jwt.InvalidAudienceError: "it is for another service",
    jwt.InvalidIssuerError: "it comes from another issuer",
    jwt.InvalidSignatureError: "its signature is wrong",
}


class Caller(NamedTuple):
    """Who sends a request: `id` is the token's `sub`, `claims` are all its claims, `expires` is
    Unix time.
    """

    id: str
    claims: Mapping[str, Any]
    expires: float


class UnknownKeyError(Exception):
    """A token names a key that is not among those known."""


class Keys:
    """The public keys that check tokens, by key id: of the settings, or as an issuer publishes them
    (RFC 7517).

    Another issuer's key in the settings has no id, and checks tokens of `any_name`. Known keys stay
    in use during a fetch, so a slow issuer delays nobody whose key is known. `version` grows when
    the keys change. `source` has the address of published keys, and the bounds of a fetch.
    """

    def __init__(self, options: AuthOptions | IssuerOptions) -> None:
        self.known: Mapping[str, Any] = {}
        self.any_name = False
        self.source: AuthOptions | None = None
        self.max_age = inf
        self.version = 0
        self.fetched_at = self.tried_at = -inf
        self.fetching: asyncio.Task[None] | None = None
        if isinstance(options, IssuerOptions):
            own: list[PublicKeyTypes] = [
                read_private_key(options.signing_key.get_secret_value()).public_key()
            ]
            own += [read_public_key(options.previous_key)] if options.previous_key else []
            self.known = {get_key_id(key): key for key in own}
        elif options.public_key is not None:
            self.known, self.any_name = {"": read_public_key(options.public_key)}, True
        else:
            self.source, self.max_age = options, options.jwks_max_age

    def find(self, name: str | None) -> Any:
        """Return the key that a token names; it may name none if there is only one. Raises
        `UnknownKeyError`.
        """
        if len(self.known) == 1 and (name is None or self.any_name):
            return next(iter(self.known.values()))
        try:
            return self.known[name or ""]
        except KeyError:
            raise UnknownKeyError from None

    def renew(self, *, at_once: bool = False) -> None:
        """Start to fetch published keys again when they are old, or at once."""
        if self.source is None:
            return
        now = time.monotonic()
        is_due = at_once or now - self.fetched_at > self.max_age
        if is_due and self.fetching is None and now - self.tried_at > PAUSE:
            self.tried_at = now
            fetch = self.fetch(self.source)
            self.fetching = asyncio.create_task(fetch, context=Context())  # it is for all requests

    async def fetch_unknown(self) -> None:
        """Fetch published keys again because a token names an unknown one. Raises a 503 problem
        when there are none.
        """
        self.renew(at_once=True)
        if self.fetching is not None:
            await asyncio.shield(self.fetching)
        if not self.known:
            raise busy(
                "The issuer's keys cannot be fetched, so no token can be checked; try again in a moment."
            )

    async def fetch(self, source: AuthOptions) -> None:
        """Fetch the keys once. Known keys stay when it fails."""
        try:
            self.known = await fetch_keys(source)
            self.version += 1
            self.fetched_at = time.monotonic()
        except Exception as error:  # what an issuer publishes may be anything
            reason = repr(error)[:LONGEST]
            url, kept = str(source.jwks_url), len(self.known)
            log.warning("jwks_unreadable", url=url, error=reason, kept=kept)
        finally:
            self.fetching = None


async def fetch_keys(source: AuthOptions) -> dict[str, Any]:
    """Return the keys that are published. Raises whatever is wrong with them."""
    client = await asyncio.to_thread(
        make_jwks_client, source
    )  # imports httpx2, and reads certificates
    async with client:
        answer = await client.get(str(source.jwks_url))
    return await asyncio.to_thread(read_keys, answer.raise_for_status().content)


def make_jwks_client(source: AuthOptions) -> "httpx2.AsyncClient":
    """Return a client for one fetch, by the proxy of the environment: there may be no other way."""
    options = ClientOptions(
        timeout=source.jwks_timeout,
        connect_timeout=source.jwks_timeout,
        retries=0,
        answer_bytes=source.jwks_bytes,
    )
    return make_client(options, proxy=find_proxy(str(source.jwks_url)))


def find_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address (HTTPS_PROXY, HTTP_PROXY,
    NO_PROXY).
    """
    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def read_keys(published: bytes) -> dict[str, Any]:
    """Return the keys of a set by their ids, but for those that sign nothing, and those that cannot
    be read.
    """
    known: dict[str, Any] = {}
    unread = []
    for item in json.loads(published)["keys"]:
        try:
            key = jwt.PyJWK(item)
            is_named = isinstance(key.key_id, str | None)
        except Exception as error:
            unread.append(error)
            continue
        if is_named and key.public_key_use in (None, "sig"):
            known[key.key_id or ""] = key.key
    if unread:
        log.info("jwks_left_out", count=len(unread), first=repr(unread[0])[:LONGEST])
    if not known:
        raise ValueError("none of the keys can be used")
    return known


class Auth:
    """Checks the tokens of requests; `web.build` takes it."""

    def __init__(self, options: AuthOptions | IssuerOptions) -> None:
        self.options = options
        self.keys = Keys(options)
        self.verify = lru_cache(options.cache_size)(self.check)

    async def identify(self, headers: Headers) -> Caller:
        """Return who sends a request with these headers.

        Raises a 401 problem that says what is wrong with the token, or a 503 problem while the
        issuer's keys cannot be fetched.
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
        """Verify a token. With another `version` of the keys the cache is of no use: one may be
        withdrawn.
        """
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
            msgspec.json.encode(
                claims
            )  # what JSON and PostgreSQL cannot hold must not reach the handlers
            caller = Caller(claims["sub"], claims, float(claims["exp"]))
        except jwt.MissingRequiredClaimError as error:
            raise refuse(f"it has no `{error.claim}`") from None
        except MALFORMED as error:
            raise refuse(REASONS.get(type(error), "it is malformed")) from None
        metrics.get_metrics().tokens.labels("verified").inc()
        return caller


def read_bearer(headers: Headers) -> str:
    sent = [value for name, value in headers if name == b"authorization"]
    scheme, _, token = sent[0].decode("latin-1").partition(" ") if sent else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        metrics.get_metrics().tokens.labels("missing").inc()
        detail = "This needs a token: send the header `Authorization: Bearer TOKEN`."
        raise Problem(401, "unauthenticated", detail, headers={"www-authenticate": "Bearer"})
    if len(sent) > 1:
        raise refuse("it is sent beside another Authorization header")
    return token.strip()


def refuse(reason: str) -> Problem:
    metrics.get_metrics().tokens.labels("refused").inc()
    detail = f"The token is refused: {reason}. Get a new one."
    return Problem(
        401, "unauthenticated", detail, headers={"www-authenticate": 'Bearer error="invalid_token"'}
    )
