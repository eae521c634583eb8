# kit: updated by the template; extend it from app.py
"""Traces: where they are sent, and the headers that continue them in other services."""

from contextvars import ContextVar
from importlib import import_module
from typing import Annotated, Any

from pydantic import BaseModel, Field

from service.kit import find_distribution
from service.kit.work.command_error import CommandError

active_traces: ContextVar[Any] = ContextVar("active_traces", default=None)
"""The `Traces` of this process (traces.py), which every task inherits; None when they are off."""


class TracesOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """TRACES_*: where traces are sent, and how many."""

    endpoint: str = ""
    """where to send traces by OTLP over HTTP, like http://localhost:4318; empty: nowhere"""
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """share of the traces begun here to record; callers decide on theirs"""


def configure_traces(options: TracesOptions, name: str = "") -> None:
    """Send the spans of this process, if there is an endpoint to send them to.

    `name` is the service's name in them, by default that of its distribution.
    """
    if not options.endpoint:
        return
    try:
        traces = import_module("service.kit.work.traces")
    except ModuleNotFoundError as error:
        raise CommandError(
            f"TRACES_ENDPOINT needs {error.name}: install it by `uv sync --extra traces`."
        ) from error
    exporter = traces.make_exporter(options.endpoint)
    service_name = name or find_distribution().name
    active_traces.set(traces.Traces(service_name, options.ratio, exporter))


def trace_headers(span: Any = None) -> dict[str, str]:
    """Return the headers with which a called service joins the trace.

    `client.get(url, headers=trace_headers())`. Its spans become children of `span`, by default the
    current one.
    """
    traces = active_traces.get()
    return traces.headers(span) if traces else {}
