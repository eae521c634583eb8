"""Accounts: sign up, log in, and read one's own. A login gives a token that all other routes ask for."""

from service.accounts import http
from service.kit.web import Slice

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS)
