# kit: updated by the template; extend it from app.py
"""Tells who sends a request: bearer tokens, the keys that sign and verify them, and passwords.

`bearer.py` verifies the token of a request, and with it the signature (401); `key_set.py` has the
public keys for that, and `revocations.py` knows who was signed out. `keys.py` signs tokens, and has
the settings AUTH_*. `passwords.py` hashes and checks passwords, and `login_throttle.py` limits
attempts to log in (429). Imports db, offload, calls and work.
"""

from service.kit.auth import keys, passwords
from service.kit.auth.bearer import Auth, Caller
from service.kit.auth.keys import AuthOptions, IssuerOptions
from service.kit.auth.login_throttle import LoginThrottle
from service.kit.auth.revocations import Revocations
from service.kit.renamed import find_renamed

__all__ = [
    "Auth",
    "AuthOptions",
    "Caller",
    "IssuerOptions",
    "LoginThrottle",
    "Revocations",
    "keys",
    "passwords",
]

__getattr__ = find_renamed(__name__)
