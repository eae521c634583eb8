# kit: updated by the template; extend it from app.py
"""What is kept of each request once it is answered: its counts for Prometheus, and its line in the access log.

Both are written for many requests at once. One by one they cost twice as much: between the system calls of a request,
little of their code stays in the processor's caches.
"""

import asyncio
import time
from collections import defaultdict
from contextvars import Context, copy_context
from datetime import UTC, datetime

import msgspec
import structlog

from service.kit.edge import metrics
from service.kit.edge.exchange import Exchange
from service.kit.edge.problems import Problem

log = structlog.get_logger()

PAUSE = 0.1
"""Seconds that a record may wait for others. A worker that is killed loses what waits."""

MOST_WAITING = 64
"""Records written at once. It takes about a millisecond, in which no other request proceeds."""


class Record(msgspec.Struct):
    """One answered request. `context` is what the handler bound to its log lines; without one, no line is written."""

    method: str
    path: str
    route: str
    status: int
    sent: int
    client: str
    caller: str
    seconds: float
    spans: dict[str, float]
    ended_at: float
    context: Context | None
    fault: dict[str, str]

    def split(self) -> dict[str, float]:
        """Return the seconds by layer: `handler` is what no span accounts for."""
        return {**self.spans, "handler": max(0.0, self.seconds - sum(self.spans.values()))}


class Journal:
    """The records of this worker that wait."""

    def __init__(self) -> None:
        self.waiting: list[Record] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, exchange: Exchange, problem: Problem | None, *, logged: bool) -> None:
        """Take the record of an answered request. What is a warning is written at once, with all before it."""
        scope = exchange.scope
        exchange.scope = None  # so that the context keeps no body
        fault = describe(problem) if problem else {}
        record = Record(
            scope["method"],
            scope["path"],
            scope.get("path_template", ""),
            exchange.status,
            exchange.sent,
            (scope.get("client") or ("",))[0],
            scope["auth"].id if "auth" in scope else "",
            time.perf_counter() - exchange.began_at,
            dict(exchange.spans),  # what the handler left running may still add to its own
            time.time(),
            copy_context() if logged else None,
            fault,
        )
        self.waiting.append(record)
        if len(self.waiting) >= MOST_WAITING or "cause" in fault:
            self.settle()
        elif self.loop is not (loop := asyncio.get_running_loop()):
            self.loop = loop
            loop.call_later(PAUSE, self.settle_later)

    def settle_later(self) -> None:
        """Write what waited since the first of them."""
        self.loop = None
        self.settle()

    def settle(self) -> None:
        """Write all that waits."""
        waiting, self.waiting = self.waiting, []
        count(waiting)
        for record in waiting:
            if record.context is not None:
                record.context.run(write_line, record)


def describe(problem: Problem) -> dict[str, str]:
    """Return what the line of the access log says of a problem that is ours."""
    if problem.status < 500:
        return {}
    cause = problem.__cause__
    return {"detail": problem.detail} | ({"cause": repr(cause)} if cause else {})


def count(records: list[Record]) -> None:
    """Count requests and their times for Prometheus. 499 stands for a client that left before any answer."""
    answers, layers = defaultdict(list), defaultdict(list)
    for record in records:
        answers[record.method, record.route or "unmatched", record.status or 499].append(record.seconds)
        for layer, seconds in record.split().items() if record.spans else ():
            layers[layer].append(seconds)
    for answer, seconds in answers.items():
        metrics.count_requests(*answer, seconds)
    for layer, seconds in layers.items():
        metrics.observe_layer(layer, seconds)


def write_line(record: Record) -> None:
    """Write the line of a request. Its times are in milliseconds."""
    # Many refusals under overload have no cause; what has one is a fault to look after.
    write = log.warning if "cause" in record.fault else log.info
    times = record.split() | {"total": record.seconds}
    write(
        "request",
        method=record.method,
        path=record.path,
        route=record.route,
        status=record.status,
        bytes=record.sent,
        client=record.client,
        **({"caller": record.caller} if record.caller else {}),
        **{f"{name}_ms": round(seconds * 1000, 3) for name, seconds in times.items()},
        **record.fault,
        timestamp=datetime.fromtimestamp(record.ended_at, UTC),
    )
