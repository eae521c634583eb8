# kit: updated by the template; extend it from app.py
"""Passwords: hashed with Argon2id, in a thread, for each hash keeps a processor busy for some 20 ms."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from service.kit.offload import Offload

# OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. OFFLOAD_HASHES bounds how many run at once.
hasher = PasswordHash([Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)])

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$SXh0sCSj35AfA7jzfVJsJA$OpUX50Ri6FvT6MkWuKENoBSCFHCU2MpOV3bGxofxaIc"
"""What a password is compared with when there is no account, so that the answer takes as long."""


async def hash_password(offload: Offload, password: str) -> str:
    """Return what is stored of a password."""
    return await offload.hash_in_thread(hasher.hash, password)


async def is_correct(offload: Offload, password: str, stored: str | None) -> bool:
    """Return whether a password is the one that was hashed. Without a hash it is not, and that takes as long."""
    matches = await offload.hash_in_thread(hasher.verify, password, stored or NOBODY)
    return matches and stored is not None
