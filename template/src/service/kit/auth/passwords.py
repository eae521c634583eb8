# kit: updated by the template; extend it from app.py
"""Passwords: hashed with Argon2id, in a thread, since each hash takes about 20 ms of CPU."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from service.kit.offload import Offload

# OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. OFFLOAD_HASHES bounds how many run at once.
hasher = PasswordHash([Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)])

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$SXh0sCSj35AfA7jzfVJsJA$OpUX50Ri6FvT6MkWuKENoBSCFHCU2MpOV3bGxofxaIc"
"""The hash that a password is checked against when there is no account, so that the answer takes as long."""


async def hash_password(offload: Offload, password: str) -> str:
    """Return the hash to store."""
    return await offload.hash_in_thread(hasher.hash, password)


async def is_correct(offload: Offload, password: str, stored: str | None) -> bool:
    """Return whether a password matches a stored hash. With none it does not, and that takes as long."""
    matches = await offload.hash_in_thread(hasher.verify, password, stored or NOBODY)
    return matches and stored is not None
