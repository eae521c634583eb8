# kit: updated by the template; extend it from app.py
"""The request, or the job, that is being worked on: its id, its deadline, where its time goes, and
how it waits.

Everything that waits on its behalf, in whichever room it is, asks here how long it may.
"""

import asyncio
import time
from collections import deque
from contextvars import ContextVar
from importlib import import_module
from math import inf
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field

from service.kit import find_distribution
from service.kit.edge import metrics
from service.kit.edge.asgi import Scope
from service.kit.edge.problems import RETRY_AFTER, CommandError, Problem

TICK = 0.05
"""Seconds between two looks at all deadlines. A timer for each request, statement and wait would
cost 1 to 3 µs."""

tracing: Any = None
"""The `Traces` of this process (traces.py); None while traces are off."""


class TracesOptions(BaseModel, frozen=True):
    """TRACES_*: where traces are sent, and how many."""

    endpoint: Annotated[
        str,
        Field(
            description="where to send traces by OTLP over HTTP, like http://localhost:4318; empty: nowhere"
        ),
    ] = ""
    ratio: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="share of the traces begun here to record; callers decide on theirs",
        ),
    ] = 0.01


def configure_traces(options: TracesOptions, name: str = "") -> None:
    """Send spans of this process, if there is an endpoint to send them to.

    They are from the service of that name, which is the distribution's if none is given.
    """
    global tracing
    if not options.endpoint:
        return
    try:
        traces = import_module("service.kit.edge.traces")
    except ModuleNotFoundError as error:
        raise CommandError(
            f"TRACES_ENDPOINT needs {error.name}: install it by `uv sync --extra traces`."
        ) from error
    tracing = traces.Traces(
        name or find_distribution().name, options.ratio, traces.make_exporter(options.endpoint)
    )


def trace_headers(span: Any = None) -> dict[str, str]:
    """Return the headers by which whoever is called joins the trace: `client.get(url,
    headers=trace_headers())`.
    """
    return tracing.headers(span) if tracing else {}


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


def begin(identity: str = "", seconds: float = inf) -> Work:
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


class Deadlines:
    """All that is `under_way` on one event loop: `expire` is called up to a tick after
    `expires_at`.
    """

    def __init__(self) -> None:
        self.under_way: set[Any] = set()
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, limited: object) -> None:
        self.under_way.add(limited)
        if self.loop is not (loop := asyncio.get_running_loop()):
            self.loop = loop
            loop.call_later(TICK, self.look, loop)

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        for limited in self.under_way:
            if limited.expires_at <= now:
                limited.expire()
        self.loop = loop if self.under_way else None
        if self.under_way:
            loop.call_later(TICK, self.look, loop)


class Limited:
    """What is cut off when its time is up, by cancelling its `task`, which was cancelled `cancels`
    times before.
    """

    expires_at: float
    is_late: bool
    task: asyncio.Task[Any]
    cancels: int

    def expire(self) -> None:
        if not self.is_late:
            self.task.cancel()
        self.is_late, self.expires_at = True, inf

    def was_cut_off(self) -> bool:
        """Return whether it expired and nothing else cancelled the task, and take the cancellation
        back.
        """
        return self.is_late and self.task.uncancel() <= self.cancels


class FullError(Problem):
    """503: no place was free, or became free in time."""


class Limiter:
    """At most `limit` at once; `waiters` more wait in order, each up to `patience` seconds or until
    its deadline.

    It bounds everything in the kit that is bounded in number. `full` is what clients are told when
    there is no place, and `reason` the one under which that is counted. `running` and `waiting` are
    for monitoring.
    """

    def __init__(
        self,
        limit: int,
        waiters: int = 0,
        patience: float = 0.0,
        full: str = "Try again shortly.",
        reason: str = "",
    ) -> None:
        self.limit = limit
        self.waiters = waiters
        self.patience = patience
        self.full = full
        self.reason = reason
        self.running = 0
        self.queue: deque[asyncio.Future[None]] = deque()
        self.deadlines = Deadlines()

    @property
    def waiting(self) -> int:
        return len(self.queue)

    def try_enter(self) -> bool:
        """Take a place if one is free and nobody is waiting for it."""
        if self.running >= self.limit or self.queue:
            return False
        self.running += 1
        return True

    async def enter(self) -> None:
        """Take a place, waiting for one if necessary. Raises `FullError`."""
        if self.try_enter():
            return
        if len(self.queue) >= self.waiters:
            raise self.refuse()
        place = asyncio.get_running_loop().create_future()
        wait = Wait(time.monotonic() + time_left(self.patience), place, self)
        self.queue.append(place)
        self.deadlines.add(wait)
        try:
            await place
        except asyncio.CancelledError:
            if place in self.queue:
                self.queue.remove(place)
            elif place.done() and not place.cancelled() and not place.exception():
                self.leave()  # it was handed over at the very moment of the cancellation
            raise
        finally:
            self.deadlines.under_way.discard(wait)

    def refuse(self) -> FullError:
        """Return the problem of whoever gets no place, and count it."""
        if self.reason:
            metrics.count_refusal(self.reason)
        return FullError(503, "busy", self.full, headers={"retry-after": str(RETRY_AFTER)})

    def leave(self) -> None:
        """Give a place back, to whoever has waited longest."""
        while self.queue:
            place = self.queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.running -= 1


class Wait(NamedTuple):
    """Waiting for a place."""

    expires_at: float
    place: asyncio.Future[None]
    limiter: Limiter

    def expire(self) -> None:
        """End it. This also works where a cancellation would not."""
        if not self.place.done():
            self.limiter.queue.remove(self.place)
            self.place.set_exception(self.limiter.refuse())


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
