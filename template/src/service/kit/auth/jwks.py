# kit: updated by the template; extend it from app.py
"""The keys that tokens are checked with: from the settings, or published by the issuer."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import jwt
import structlog

from service.kit.edge import problems

PAUSE = 10.0
"""Seconds between two readings of published keys, at least: a token with a made-up key id must not cause one each."""

log = structlog.get_logger(__name__)


class UnknownKeyError(Exception):
    """A token names a key that is not among those known."""


class Keys:
    """The public keys of an issuer, by their ids."""

    is_stale = False

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known

    def find(self, name: str | None) -> Any:
        """Return the key that a token names. An only key needs no name. Raises `UnknownKeyError`."""
        if len(self.known) == 1 and name is None:
            return next(iter(self.known.values()))
        try:
            return self.known[name or ""]
        except KeyError:
            raise UnknownKeyError from None

    def renew(self) -> None:
        """Begin to read the keys again, if they are published."""

    async def refresh(self) -> None:
        """Read the keys again, if they are published, for one that is not among them."""


class ConfiguredKey(Keys):
    """The one key of another issuer, who may call it by any name."""

    def find(self, name: str | None) -> Any:
        """Return the key."""
        del name
        return self.known[""]


class PublishedKeys(Keys):
    """The keys that an issuer publishes as a JWK set (RFC 7517).

    Those that are old are used while they are read anew, so that an issuer who is slow or away delays nobody whose key
    is known.
    """

    def __init__(self, url: str, max_age: float, timeout: float) -> None:
        super().__init__({})
        self.source = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=timeout)
        self.max_age = max_age
        self.read_at = self.tried_at = float("-inf")
        self.reading: asyncio.Task[None] | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the keys are old, and it is time to try to read them."""
        now = time.monotonic()
        return now - self.read_at > self.max_age and now - self.tried_at > PAUSE

    def renew(self) -> None:
        """Begin to read the keys, unless that is under way or was tried a moment ago."""
        if self.reading is None and time.monotonic() - self.tried_at > PAUSE:
            self.tried_at = time.monotonic()
            self.reading = asyncio.create_task(self.read())

    async def refresh(self) -> None:
        """Read the keys, and wait for that. Raises a 503 problem when there are none."""
        self.renew()
        if self.reading is not None:
            await asyncio.shield(self.reading)
        if not self.known:
            raise problems.busy("The keys that tokens are checked with cannot be read; try again in a moment.")

    async def read(self) -> None:
        """Read the keys once, in a thread. Those that are known stay when it fails."""
        try:
            published = await asyncio.to_thread(self.source.get_jwk_set)
            self.known = {key.key_id or "": key.key for key in published.keys if key.public_key_use in (None, "sig")}
            self.read_at = time.monotonic()
        except (jwt.PyJWTError, OSError, ValueError) as error:
            log.warning("jwks_unreadable", url=self.source.uri, error=str(error), kept=len(self.known))
        finally:
            self.reading = None
