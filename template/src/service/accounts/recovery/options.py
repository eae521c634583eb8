"""The settings of the mails that accounts get."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field, HttpUrl

from service.accounts.recovery.queries import Purpose


class AccountOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """ACCOUNTS_*: where the links in mails lead, and how long they hold."""

    link_url: HttpUrl = HttpUrl("http://127.0.0.1:8000/")
    """your site, which has the pages /verification and /reset"""
    verification_hours: Annotated[float, Field(gt=0, le=720)] = 72
    """hours until the link that verifies an address expires"""
    reset_minutes: Annotated[float, Field(gt=0, le=1440)] = 60
    """minutes until the link that resets a password expires"""
    live_tokens: Annotated[int, Field(ge=1, le=100)] = 3
    """links of a kind that an account is sent until one expires"""

    def get_lifetime(self, purpose: Purpose) -> timedelta:
        if purpose == "reset":
            return timedelta(minutes=self.reset_minutes)
        return timedelta(hours=self.verification_hours)
