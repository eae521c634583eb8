# kit: updated by the template; extend it from app.py
"""The moment by which a request must be answered, known to everything that waits on its behalf."""

import time
from contextvars import ContextVar
from math import inf

ends_at: ContextVar[float] = ContextVar("ends_at", default=inf)
"""When the request ends, on the clock of `time.monotonic`; outside of requests, never."""


def set_end(seconds: float) -> None:
    """Give the work of the current context `seconds` from now on."""
    ends_at.set(time.monotonic() + seconds)


def lift() -> None:
    """Let the work of the current context take as long as it takes."""
    ends_at.set(inf)


def cut(most: float) -> float:
    """Return `most` seconds, or what is left of the request when that is less. Never less than zero."""
    end = ends_at.get()
    return most if end == inf else max(0.0, min(most, end - time.monotonic()))
