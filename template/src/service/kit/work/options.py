# kit: updated by the template; extend it from app.py
"""What the options of all packages share: types of durations, and how they nest."""

from typing import Annotated

from pydantic import Field

Seconds = Annotated[float, Field(gt=0, le=3600)]


Lifetime = Annotated[float, Field(gt=0, le=86_400)]


def check_nesting(**waits: float) -> None:
    """Raise ValueError unless each wait is shorter than the next, so that the error names the true
    cause.
    """
    if [*waits.values()] != sorted({*waits.values()}):
        chain = " < ".join(f"{name} ({seconds:g})" for name, seconds in waits.items())
        raise ValueError(f"each deadline must be shorter than the next: {chain}")
