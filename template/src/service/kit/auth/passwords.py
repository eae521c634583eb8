# kit: updated by the template; extend it from app.py
"""Hashes passwords with Argon2id and checks them, each within a limit of its own."""

import asyncio
from functools import partial

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from service.kit.auth.login_throttle import current_attempt
from service.kit.offload.offload import Offload
from service.kit.work.limits import FullError

# OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. OFFLOAD_HASHES limits how many
# run at once.
hasher = PasswordHash([Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)])

NOBODYS_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$SXh0sCSj35AfA7jzfVJsJA"
    "$OpUX50Ri6FvT6MkWuKENoBSCFHCU2MpOV3bGxofxaIc"
)
"""The hash to check against when there is no account, so that the answer takes as long."""


async def hash_password(offload: Offload, password: str) -> str:
    """Return the hash of a new password. It takes no slot of those that check passwords."""
    return await offload.run(offload.new_hashes, hasher.hash, partial(hasher.hash, password))


async def is_correct(offload: Offload, password: str, stored: str | None) -> bool:
    """Return whether a password matches a stored hash.

    Without a stored hash it does not, and that takes as long. If no slot is free to check it, or
    the request ends first, the login attempt of this request no longer counts: a retry begins
    another.
    """
    attempt = current_attempt.get()
    begins = attempt.mark_checked if attempt else None
    verify = partial(hasher.verify, password, stored or NOBODYS_HASH)
    try:
        matches = await offload.run(offload.hashes, hasher.verify, verify, begins)
    except (FullError, asyncio.CancelledError) as error:
        if attempt and attempt.may_cancel:
            current_attempt.set(None)
            cancelling = attempt.cancel()
            if isinstance(error, FullError):
                await asyncio.shield(cancelling)
        raise
    return matches and stored is not None
