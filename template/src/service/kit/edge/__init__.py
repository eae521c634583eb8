# kit: updated by the template; extend it from app.py
"""The request: what bounds it on its way in and out, what is known of it, and how it ends. Imports no other room."""

from service.kit.edge.compression import CompressionOptions
from service.kit.edge.context import Span, Work, current, request_id, time_left
from service.kit.edge.edge import Edge, EdgeOptions
from service.kit.edge.health import Health
from service.kit.edge.limits import FullError, Lifetime, Limiter, Seconds, count_cores
from service.kit.edge.problems import (
    RETRY_AFTER,
    CommandError,
    InvalidField,
    Problem,
    busy,
    conflict,
    internal,
    invalid,
    not_found,
)
from service.kit.edge.stream import Stream
from service.kit.edge.waiters import Waiters

__all__ = [
    "RETRY_AFTER",
    "CommandError",
    "CompressionOptions",
    "Edge",
    "EdgeOptions",
    "FullError",
    "Health",
    "InvalidField",
    "Lifetime",
    "Limiter",
    "Problem",
    "Seconds",
    "Span",
    "Stream",
    "Waiters",
    "Work",
    "busy",
    "conflict",
    "count_cores",
    "current",
    "internal",
    "invalid",
    "not_found",
    "request_id",
    "time_left",
]
