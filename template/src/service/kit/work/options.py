# kit: updated by the template; extend it from app.py
"""Types of durations for the options of all packages, and a check of the order of timeouts."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field

Seconds = Annotated[float, Field(gt=0, le=3600)]
"""A timeout."""

Lifetime = Annotated[float, Field(gt=0, le=86_400)]
"""Seconds that something may stay open."""


def check_nesting(**timeouts: float) -> None:
    """Raise ValueError unless each timeout is shorter than the next.

    The innermost one then ends first, and its error names the cause.
    """
    for shorter, longer in pairwise(timeouts.values()):
        if shorter >= longer:
            chain = " < ".join(f"{name} ({seconds:g})" for name, seconds in timeouts.items())
            raise ValueError(f"each deadline must be shorter than the next: {chain}")
