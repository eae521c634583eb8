# kit: updated by the template; extend it from app.py
"""Who sends a request: bearer tokens, the keys that sign and check them, passwords, and how often they are guessed.

`bearer.py` checks the token of a request (401); the settings AUTH_* are in `issuer.py`. `keys.py` signs tokens and has
keys, `passwords.py` hashes, `guesses.py` bounds attempts to log in. May import edge, db and offload.
"""

from service.kit.auth import keys, passwords
from service.kit.auth.bearer import Auth, Caller
from service.kit.auth.guesses import Guesses, GuessOptions
from service.kit.auth.issuer import AuthOptions, IssuerOptions

__all__ = ["Auth", "AuthOptions", "Caller", "GuessOptions", "Guesses", "IssuerOptions", "keys", "passwords"]
