# kit: updated by the template; extend it from app.py
"""The edge: what every request passes first and every response last.

It gives requests an id, a deadline and limits, and responses an ETag, compression, protective headers and a log line.
`Edge` (edge.py) does so for one request at a time in one `Exchange` (response.py). What other rooms share is here too:
problems, metrics, limits, and the context of the work being done. It imports no other room.
"""

from service.kit.edge import asgi, context, metrics
from service.kit.edge.access_log import Batch
from service.kit.edge.asgi import Stream
from service.kit.edge.compression import CompressionOptions
from service.kit.edge.context import (
    Span,
    TracesOptions,
    Work,
    configure_traces,
    current,
    request_id,
    time_left,
    trace_headers,
)
from service.kit.edge.edge import Edge, EdgeOptions
from service.kit.edge.limits import FullError, Lifetime, Limiter, Seconds, count_cores
from service.kit.edge.problems import (
    MEDIA_TYPE,
    RETRY_AFTER,
    CommandError,
    InvalidField,
    Problem,
    ProblemDetails,
    busy,
    conflict,
    internal,
    invalid,
    not_found,
)

__all__ = [
    "MEDIA_TYPE",
    "RETRY_AFTER",
    "Batch",
    "CommandError",
    "CompressionOptions",
    "Edge",
    "EdgeOptions",
    "FullError",
    "InvalidField",
    "Lifetime",
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
    "configure_traces",
    "conflict",
    "context",
    "count_cores",
    "current",
    "internal",
    "invalid",
    "metrics",
    "not_found",
    "request_id",
    "time_left",
    "trace_headers",
]
