# kit: updated by the template; extend it from app.py
"""The request or job that is being worked on: its id, its deadline, and where its time went."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf

from service.kit.renamed import find_renamed
from service.kit.work.asgi import Scope


@dataclass(eq=False)
class Work:
    """One request or job.

    `ends_at` is its deadline on the clock of `time.monotonic`, `spans` are seconds by layer.
    """

    id: str
    ends_at: float = inf
    scope: Scope | None = None
    spans: dict[str, float] = field(default_factory=dict)


current: ContextVar[Work | None] = ContextVar("current", default=None)
"""The request or job that this code runs for; None outside of both."""


def begin_work(identity: str = "", seconds: float = inf) -> Work:
    """Start work other than a request, such as a job, with a deadline in `seconds`."""
    work = Work(identity, time.monotonic() + seconds)
    current.set(work)
    return work


def request_id() -> str:
    """Return the id of the current request, or of the one that enqueued the current job.

    It is for logs and for calls to other services; empty outside of requests and jobs.
    """
    work = current.get()
    return work.id if work else ""


__getattr__ = find_renamed(__name__)
