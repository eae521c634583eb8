# kit: updated by the template; extend it from app.py
"""Who sends a request: bearer tokens, the keys that sign and check them, passwords, and how often
they are guessed.

`bearer.py` checks the token of a request (401); `keys.py` signs tokens, and has the settings
AUTH_*. `passwords.py` hashes and checks, and `guesses.py` bounds attempts to log in (429). May
import edge, db and offload.
"""

from service.kit.auth import keys, passwords
from service.kit.auth.bearer import Auth, Caller
from service.kit.auth.guesses import Guesses, GuessOptions
from service.kit.auth.keys import AuthOptions, IssuerOptions

__all__ = [
    "Auth",
    "AuthOptions",
    "Caller",
    "GuessOptions",
    "Guesses",
    "IssuerOptions",
    "keys",
    "passwords",
]
