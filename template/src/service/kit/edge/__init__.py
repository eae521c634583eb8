# kit: updated by the template; extend it from app.py
"""The edge: what every request passes first and every response last. It imports no other room.

`edge.py` is the way of a request: id, host, overload (503) and deadline (504); `limits.py` bounds
its body, and has the settings EDGE_*. `response.py` is the way back: ETag, compression, headers;
`events.py` a response that stays open. `problems.py` has the errors, `context.py` what is known of
the work under way, how it waits and how it ends in time, `health.py` /livez and /readyz.
`access_log.py` and `metrics.py` write it down.
"""

from service.kit.edge import asgi, context, metrics
from service.kit.edge.access_log import Batch
from service.kit.edge.asgi import Stream
from service.kit.edge.compression import CompressionOptions
from service.kit.edge.context import (
    Deadlines,
    FullError,
    Limited,
    Limiter,
    Span,
    TracesOptions,
    Work,
    charge,
    configure_traces,
    current,
    request_id,
    time_left,
    trace_headers,
)
from service.kit.edge.edge import Edge
from service.kit.edge.events import LAST_ID, Event, EventStream, LastEventId, read_last_id
from service.kit.edge.limits import EdgeOptions, Lifetime, Seconds, check_nesting, count_cores
from service.kit.edge.problems import (
    MEDIA_TYPE,
    RETRY_AFTER,
    CommandError,
    InvalidField,
    Problem,
    ProblemDetails,
    busy,
    conflict,
    invalid,
    not_found,
)

__all__ = [
    "LAST_ID",
    "MEDIA_TYPE",
    "RETRY_AFTER",
    "Batch",
    "CommandError",
    "CompressionOptions",
    "Deadlines",
    "Edge",
    "EdgeOptions",
    "Event",
    "EventStream",
    "FullError",
    "InvalidField",
    "LastEventId",
    "Lifetime",
    "Limited",
    "Limiter",
    "Problem",
    "ProblemDetails",
    "Seconds",
    "Span",
    "Stream",
    "TracesOptions",
    "Work",
    "asgi",
    "busy",
    "charge",
    "check_nesting",
    "configure_traces",
    "conflict",
    "context",
    "count_cores",
    "current",
    "invalid",
    "metrics",
    "not_found",
    "read_last_id",
    "request_id",
    "time_left",
    "trace_headers",
]
