"""Accounts: sign up, log in, change the password, sign out everywhere, export what is stored, and delete it.

A login gives a token that all other routes ask for.
"""

from service.accounts import http
from service.accounts.data import PersonalData
from service.kit.web import Slice

__all__ = ["SLICE", "PersonalData"]

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS)
