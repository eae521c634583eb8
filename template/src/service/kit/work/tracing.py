# kit: updated by the template; extend it from app.py
"""Traces: where they are sent, and the headers that continue them in other services."""

from contextlib import suppress
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from service.kit import find_distribution

active_traces: ContextVar[Any] = ContextVar("active_traces", default=None)
"""The `Traces` of this process (traces.py), which every task inherits; None when they are off."""


EXPORTER = "opentelemetry.exporter.otlp.proto.http"


def check_endpoint(endpoint: str) -> str:
    """Return an endpoint to which this installation can send traces.

    Raises ValueError. Checked here, it stops the service before it listens.
    """
    if not endpoint:
        return endpoint
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("this is not the URL of a collector; write http://localhost:4318")
    if parts.path.rstrip("/").endswith("/v1/traces"):
        raise ValueError("leave out /v1/traces, which is added")
    with suppress(ModuleNotFoundError):  # not even its package is there
        if find_spec(EXPORTER):
            return endpoint
    raise ValueError("OpenTelemetry is not installed; run `uv sync --extra traces`")


class TracesOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """TRACES_*: where traces are sent, and how many."""

    endpoint: Annotated[str, AfterValidator(check_endpoint)] = ""
    """where to send traces by OTLP over HTTP, like http://localhost:4318; empty: nowhere"""
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """share of the traces begun here to record; callers decide on theirs"""


def configure_traces(options: TracesOptions, name: str = "") -> None:
    """Send the spans of this process, if there is an endpoint to send them to.

    `name` is the service's name in them, by default that of its distribution.
    """
    if not options.endpoint:
        return
    traces = import_module("service.kit.work.traces")
    exporter = traces.make_exporter(options.endpoint)
    found = find_distribution()
    made = traces.Traces(name or found.name, options.ratio, exporter, found.version)
    active_traces.set(made)


def trace_headers(span: Any = None) -> dict[str, str]:
    """Return the headers with which a called service joins the trace.

    `client.get(url, headers=trace_headers())`. Its spans become children of `span`, by default the
    current one.
    """
    traces = active_traces.get()
    return traces.headers(span) if traces else {}
