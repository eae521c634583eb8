# kit: updated by the template; extend it from app.py
"""Writes the access log, and the metrics of answered requests.

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
from service.kit.work import metrics, tracing
from service.kit.work.asgi import Scope
from service.kit.work.batch import Batch
from service.kit.work.problems import Problem

log = structlog.get_logger()

WRITE_DELAY = 0.1
"""Seconds for which a record waits for others."""

MAX_WAITING = 64
"""Records written at once, in less than a millisecond, during which no request proceeds."""

MAX_PATH_LENGTH = 500
"""Characters of a path that a log line shows."""

CLIENT_LEFT = 499
"""The status that is counted for a request whose client left before the response."""


class Record(NamedTuple):
    """One answered request."""

    line: dict[str, Any]
    seconds: float
    layers: dict[str, float]
    """Seconds by layer. The handler gets what no other layer took."""
    ended_at: float
    context: Context | None
    """What the handler bound to its log lines; None if this request is not logged."""


class AccessLog(Batch[Record]):
    """The records of this worker. One with a cause is written at once, with all before it."""

    def __init__(self) -> None:
        super().__init__(write_records, WRITE_DELAY, MAX_WAITING)

    def record(
        self, exchange: Exchange, scope: Scope, problem: Problem | None, *, logged: bool
    ) -> None:
        line = describe_request(exchange, scope, problem)
        if exchange.span is not None:
            traces = tracing.active_traces.get()
            traces.end_request(exchange.span, line, scope, exchange.request)
        now = time.perf_counter()
        seconds = (exchange.opened_at or now) - exchange.began_at
        if exchange.opened_at:
            line["open_s"] = round(now - exchange.opened_at, 3)
        if exchange.close_code:
            line["close_code"] = exchange.close_code
        # A copy: tasks that the handler left running may still add to its spans.
        handler_seconds = max(0.0, seconds - sum(exchange.spans.values()))
        layers = {**exchange.spans, "handler": handler_seconds}
        # Tasks may keep the context, which then keeps no request.
        exchange.scope = None
        exchange.request = {}
        context = copy_context() if logged else None
        self.add(Record(line, seconds, layers, time.time(), context))
        if "cause" in line:
            self.flush()


def describe_request(exchange: Exchange, scope: Scope, problem: Problem | None) -> dict[str, Any]:
    """Return the log line of a request, without its times."""
    client = scope.get("client")
    caller = scope.get("auth")
    line = {
        "method": exchange.method,
        "path": scope["path"][:MAX_PATH_LENGTH],
        "route": scope.get("path_template", ""),
        "status": exchange.status,
        "bytes": exchange.bytes_sent,
        "client": client[0] if client else "",
    }
    if caller:
        line["caller"] = caller.id
    if problem and problem.status >= 500:
        line["detail"] = problem.detail
        if problem.__cause__:
            line["cause"] = repr(problem.__cause__)
    return line


def write_records(records: list[Record]) -> None:
    """Count requests and their times, and write their log lines."""
    requests = defaultdict(list)
    layers = defaultdict(list)
    for record in records:
        line = record.line
        route = line["route"] or "unmatched"
        status = line["status"] or CLIENT_LEFT
        requests[line["method"], route, status].append(record.seconds)
        if len(record.layers) > 1:  # more than a refusal
            for layer, seconds in record.layers.items():
                layers[layer].append(seconds)
    for (method, route, status), durations in requests.items():
        metrics.count_requests(method, route, status, durations)
    for layer, durations in layers.items():
        metrics.get_metrics().layer_seconds.labels(layer).observe_all(durations)
    write_lines(records)


def write_lines(records: list[Record]) -> None:
    """Write the log lines of requests, those with a cause as warnings.

    A refusal under overload has no cause; a request with one needs a look.
    """
    logger = log.bind()
    config = structlog.get_config()
    writer = config["logger_factory"]()
    is_shown = getattr(logger, "is_enabled_for", lambda _: True)(logging.INFO)
    for line, seconds, layers, ended_at, context in records:
        if context is None:
            continue
        for layer, spent in layers.items():
            line[f"{layer}_ms"] = to_milliseconds(spent)
        line["total_ms"] = to_milliseconds(seconds)
        line["timestamp"] = datetime.fromtimestamp(ended_at, UTC)
        if "cause" in line:
            context.run(logger.warning, "request", **line)
        elif is_shown:
            context.run(log_request, line, config["processors"], writer)


def to_milliseconds(seconds: float) -> float:
    """Return milliseconds with three decimals. `round` takes three times as long."""
    return int(seconds * 1_000_000) / 1000


def log_request(line: dict[str, Any], processors: Iterable[Any], writer: Any) -> None:
    """Do what `log.info("request", **line)` does, in half the time.

    structlog would copy the line five times.
    """
    event: Any = {**line, "event": "request"}
    try:
        for process in processors:
            event = process(writer, "info", event)
    except structlog.DropEvent:
        return
    if isinstance(event, tuple):  # for the logger of the standard library
        args, fields = event
        writer.info(*args, **fields)
    else:
        writer.info(event)
