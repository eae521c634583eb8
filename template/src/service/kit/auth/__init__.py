# kit: updated by the template; extend it from app.py
"""Who sends a request: bearer tokens, the keys that sign and check them, and passwords.

`bearer.py` checks the signature of a request's token (401); `keys.py` signs tokens, and has the
settings AUTH_*. `passwords.py` hashes and checks passwords, and `login_throttle.py` bounds attempts
to log in (429). Imports db, offload, calls and work.
"""

from service.kit.auth import passwords
from service.kit.auth.bearer import Auth, Caller
from service.kit.auth.keys import AuthOptions, IssuerOptions
from service.kit.auth.login_throttle import LoginThrottle
from service.kit.renamed import find_renamed

__all__ = ["Auth", "AuthOptions", "Caller", "IssuerOptions", "LoginThrottle", "passwords"]


def __getattr__(name: str) -> object:
    return find_renamed(__name__, name)
