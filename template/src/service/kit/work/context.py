# kit: updated by the template; extend it from app.py
"""The request, or the job, that is being worked on: its id, its deadline, and where its time goes."""

import time
from contextvars import ContextVar
from math import inf

from service.kit.work.asgi import Scope


class Work:
    """One request or job. `ends_at` is its deadline on the clock of `time.monotonic`, `spans` are
    seconds by layer.
    """

    def __init__(self, identity: str, ends_at: float = inf, scope: Scope | None = None) -> None:
        self.id = identity
        self.ends_at = ends_at
        self.scope = scope
        self.spans: dict[str, float] = {}


current: ContextVar[Work | None] = ContextVar("current", default=None)
"""The work that this code is done for; None outside of requests and jobs."""


def begin_work(identity: str = "", seconds: float = inf) -> Work:
    """Start work outside a request, in this context: a job, or a test. It has so many seconds."""
    work = Work(identity, time.monotonic() + seconds)
    current.set(work)
    return work


def request_id() -> str:
    """Return the id of the request being answered, or of that which enqueued the job, for logs and
    outgoing calls.
    """
    work = current.get()
    return work.id if work else ""


def time_left(most: float) -> float:
    """Return `most` seconds, or what is left until the deadline when that is less. Never less than
    zero.
    """
    work = current.get()
    return most if work is None else max(0.0, min(most, work.ends_at - time.monotonic()))


def charge(layer: str, started: float) -> None:
    """Add the time since `started`, on the clock of `time.perf_counter`, to the account of the
    work.
    """
    if (work := current.get()) is not None:
        work.spans[layer] = work.spans.get(layer, 0.0) + time.perf_counter() - started


class Span:
    """Charge the time of a block: `with Span("stock"):`. Where a request always passes, `charge` is
    cheaper.
    """

    __slots__ = ("name", "started")

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        charge(self.name, self.started)
