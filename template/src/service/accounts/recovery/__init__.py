"""Mails with links: to verify an e-mail address, and to set a new password where the old one is forgotten."""

from service.accounts.recovery import http, mails
from service.accounts.recovery.options import AccountOptions
from service.kit.web import Slice

__all__ = ["JOBS", "SLICE", "AccountOptions"]

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS)
JOBS = mails.mail_verification, mails.mail_reset
