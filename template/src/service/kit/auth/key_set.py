# kit: updated by the template; extend it from app.py
"""The public keys that verify tokens: from the settings, or published by an issuer (RFC 7517)."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextvars import Context
from math import inf
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import jwt
import structlog

from service.kit.auth.keys import (
    AuthOptions,
    IssuerOptions,
    get_key_id,
    read_private_key,
    read_public_key,
    read_public_keys,
)
from service.kit.calls.client import make_client
from service.kit.calls.options import ClientOptions
from service.kit.work.problems import busy
from service.kit.work.secret_files import SecretFile

log = structlog.get_logger(__name__)

MIN_FETCH_INTERVAL = 10.0
"""Seconds between two fetches of published keys, so that made-up key ids do not cause one each."""

MAX_LOGGED_ERROR = 500
"""Characters of an error about published keys that are logged; it may quote them."""


class UnknownKeyError(Exception):
    """A token names a key that is not in the set."""


class KeySet:
    """Public keys by their ids.

    A key of another issuer in the settings has no id; with `any_id`, it verifies all tokens. Known
    keys stay in use during a fetch, so a slow issuer delays nobody whose key is known. `version`
    grows when the keys change. `source` has the address of published keys, and the limits of a
    fetch.
    """

    def __init__(self, options: AuthOptions | IssuerOptions) -> None:
        self.by_id: Mapping[str, Any] = {}
        self.any_id = False
        self.source: AuthOptions | None = None
        self.max_age = inf
        self.version = 0
        self.fetched_at = -inf
        self.tried_at = -inf
        self.fetching: asyncio.Task[None] | None = None
        self.options = options
        self.files: list[SecretFile] = []
        self.texts: list[str] = []
        if isinstance(options, AuthOptions) and options.jwks_url is not None:
            self.source = options
            self.max_age = options.jwks_max_age
        else:
            self.any_id = isinstance(options, AuthOptions)
            self.by_id = read_given_keys(options)
            self.files = [value for _, value in options if isinstance(value, SecretFile)]
            self.texts = [file.get_secret_value() for file in self.files]
        self.can_change = self.source or self.files

    def find_key(self, key_id: str | None) -> Any:
        """Return the key that a token names. It may name none if there is only one.

        Raises `UnknownKeyError`.
        """
        if len(self.by_id) == 1 and (key_id is None or self.any_id):
            return next(iter(self.by_id.values()))
        try:
            return self.by_id[key_id or ""]
        except KeyError:
            raise UnknownKeyError from None

    def refresh(self, *, force: bool = False) -> None:
        """Start to fetch published keys again, if they are old or `force` is set.

        Keys from files are read again if their files have changed.
        """
        if self.files:
            self.read_files(force=force)
        if self.source is None or self.fetching is not None:
            return
        now = time.monotonic()
        is_due = force or now - self.fetched_at > self.max_age
        if is_due and now - self.tried_at > MIN_FETCH_INTERVAL:
            self.tried_at = now
            fetch = self.fetch(self.source)
            self.fetching = asyncio.create_task(fetch, context=Context())  # it is for all requests

    def read_files(self, *, force: bool) -> None:
        if force:
            for file in self.files:
                file.refresh()
        texts = [file.get_secret_value() for file in self.files]
        if texts != self.texts:
            self.texts = texts
            self.by_id = read_given_keys(self.options)
            self.version += 1

    async def fetch_unknown(self) -> None:
        """Fetch published keys again, because a token names an unknown one.

        Raises a 503 problem when there are none.
        """
        self.refresh(force=True)
        if self.fetching is not None:
            await asyncio.shield(self.fetching)
        if not self.by_id:
            reason = "The issuer's keys cannot be fetched, so no token can be checked"
            raise busy(f"{reason}; try again in a moment.")

    async def fetch(self, source: AuthOptions) -> None:
        """Fetch the keys once. Known keys stay if it fails."""
        try:
            self.by_id = await fetch_published_keys(source)
            self.version += 1
            self.fetched_at = time.monotonic()
        except Exception as error:  # what an issuer publishes may be anything
            reason = repr(error)[:MAX_LOGGED_ERROR]
            url = str(source.jwks_url)
            log.warning("jwks_unreadable", url=url, error=reason, kept=len(self.by_id))
        finally:
            self.fetching = None


def read_given_keys(options: AuthOptions | IssuerOptions) -> dict[str, Any]:
    """Return the public keys of the settings by their ids; one of another issuer has none."""
    if isinstance(options, AuthOptions):
        assert options.public_key is not None  # noqa: S101 - it is, without a URL
        return {"": read_public_key(options.public_key.get_secret_value())}
    signing_key = read_private_key(options.signing_key.get_secret_value())
    keys: list[Any] = [signing_key.public_key()]
    if options.previous_key:
        keys += read_public_keys(options.previous_key.get_secret_value())
    return {get_key_id(key): key for key in keys}


async def fetch_published_keys(source: AuthOptions) -> dict[str, Any]:
    """Return the keys that are published. Raises any error of the call or of the keys."""
    url = str(source.jwks_url)
    options = ClientOptions(
        timeout=source.jwks_timeout,
        connect_timeout=source.jwks_timeout,
        retries=0,
        answer_bytes=source.jwks_bytes,
    )
    # In a thread, because it imports httpx2 and reads certificates.
    client = await asyncio.to_thread(make_client, options, proxy=find_proxy(url))
    async with client:
        response = await client.get(url)
    content = response.raise_for_status().content
    return await asyncio.to_thread(parse_key_set, content)


def find_proxy(url: str) -> str | None:
    """Return the proxy of the environment for an address: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.

    It may be the only way to the issuer.
    """
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxy = getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def parse_key_set(published: bytes) -> dict[str, Any]:
    """Return the keys of a JWKS by their ids: those that sign, and that can be read."""
    keys: dict[str, Any] = {}
    errors = []
    for item in json.loads(published)["keys"]:
        try:
            key = jwt.PyJWK(item)
            has_valid_id = isinstance(key.key_id, str | None)
        except Exception as error:
            errors.append(error)
            continue
        if has_valid_id and key.public_key_use in (None, "sig"):
            keys[key.key_id or ""] = key.key
    if errors:
        first = repr(errors[0])[:MAX_LOGGED_ERROR]
        log.info("jwks_left_out", count=len(errors), first=first)
    if not keys:
        raise ValueError("none of the keys can be used")
    return keys
