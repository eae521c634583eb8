# kit: updated by the template; extend it from app.py
"""Tokens and passwords."""

from service.kit.auth.bearer import Auth, Caller
from service.kit.auth.issuer import AuthOptions, IssuerOptions

__all__ = ["Auth", "AuthOptions", "Caller", "IssuerOptions"]
