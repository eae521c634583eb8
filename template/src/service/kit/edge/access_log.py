# kit: updated by the template; extend it from app.py
"""What is kept of each answered request: its counts for Prometheus, and its line in the access log.

Both are written for many requests at once. One by one they would cost twice as much: between the
system calls of a request, little of their code stays in the processor's caches.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from contextvars import Context, copy_context
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog

from service.kit.edge.response import Exchange
from service.kit.work import asgi, metrics, tracing
from service.kit.work.batch import Batch
from service.kit.work.problems import Problem

log = structlog.get_logger()


PAUSE = 0.1


MOST_WAITING = 64
"""Records written at once. It takes less than a millisecond, in which no other request proceeds."""


LONGEST = 500
"""Characters of a path that a line shows."""


class Record(NamedTuple):
    """One answered request. `context` is what its handler bound to log lines; without one, no line
    is written.
    """

    line: dict[str, Any]
    seconds: float
    spans: dict[str, float]
    ended_at: float
    context: Context | None


class AccessLog(Batch[Record]):
    """The records of this worker. Those that failed for a cause of ours are written at once, with
    all before them.
    """

    def __init__(self) -> None:
        super().__init__(write, PAUSE, MOST_WAITING)

    def record(
        self, exchange: Exchange, scope: asgi.Scope, problem: Problem | None, *, logged: bool
    ) -> None:
        client, auth = scope.get("client"), scope.get("auth")
        line = {
            "method": exchange.method,
            "path": scope["path"][:LONGEST],
            "route": scope.get("path_template", ""),
            "status": exchange.status,
            "bytes": exchange.sent,
            "client": client[0] if client else "",
        }
        if auth:
            line["caller"] = auth.id
        if problem and problem.status >= 500:
            line |= {"detail": problem.detail}
            line |= {"cause": repr(problem.__cause__)} if problem.__cause__ else {}
        if exchange.span is not None:
            tracing.active_traces.get().end_request(exchange.span, line)
        now = time.perf_counter()
        seconds = (exchange.opened_at or now) - exchange.began_at
        if exchange.opened_at:
            line["open_s"] = round(now - exchange.opened_at, 3)
        spans = {**exchange.spans}  # what the handler left running may still add to its own
        exchange.scope, exchange.request = (
            None,
            {},
        )  # tasks may keep the context, which then keeps no request
        self.add(Record(line, seconds, spans, time.time(), copy_context() if logged else None))
        if "cause" in line:
            self.flush()


def write(records: list[Record]) -> None:
    """Count requests and their times, and write their lines. 499 stands for a client that left
    before any answer.
    """
    answers, layers, logger, config = (
        defaultdict(list),
        defaultdict(list),
        log.bind(),
        structlog.get_config(),
    )
    writer = config["logger_factory"]()
    is_shown = getattr(logger, "is_enabled_for", lambda _: True)(logging.INFO)
    for line, seconds, spans, ended_at, context in records:
        answers[line["method"], line["route"] or "unmatched", line["status"] or 499].append(seconds)
        split = {**spans, "handler": max(0.0, seconds - sum(spans.values()))}
        for layer, spent in split.items() if spans else ():
            layers[layer].append(spent)
        if context is not None:
            for layer, spent in split.items():
                line[f"{layer}_ms"] = (
                    int(spent * 1_000_000) / 1000
                )  # `round` takes three times as long
            line["total_ms"] = int(seconds * 1_000_000) / 1000
            line["timestamp"] = datetime.fromtimestamp(ended_at, UTC)
            if (
                "cause" in line
            ):  # refusals under overload have none; what has one is a fault to look into
                context.run(logger.warning, "request", **line)
            elif is_shown:
                context.run(emit, line, config["processors"], writer)
    for (method, route, status), times in answers.items():
        metrics.count_requests(method, route, status, times)
    for layer, times in layers.items():
        metrics.meters().layers.labels(layer).observe_all(times)


def emit(line: dict[str, Any], processors: Iterable[Any], writer: Any) -> None:
    """Do what `log.info("request", **line)` does, in half the time: structlog would copy the line
    five times.
    """
    event: Any = line | {"event": "request"}
    try:
        for process in processors:
            event = process(writer, "info", event)
    except structlog.DropEvent:
        return
    args, fields = (
        event if isinstance(event, tuple) else ((event,), {})
    )  # a tuple is for the standard library's logger
    writer.info(*args, **fields)
