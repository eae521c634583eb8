# kit: updated by the template; extend it from app.py
"""OpenTelemetry spans for requests, statements, calls and jobs, by its semantic conventions.

It is imported only when traces are on. The span of a request or job is OpenTelemetry's
current one, so spans of your own, and of libraries that are instrumented, become its children.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPMethod
from multiprocessing.util import Finalize
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

EXPORT_SECONDS = 3.0
"""How long one export may take, the last one of a process included."""

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions that names and attributes follow."""

METHODS = frozenset(HTTPMethod) | {"QUERY"}
"""Methods that a span is named by. Others are "_OTHER": a caller may invent any number."""

DEFAULT_PORTS = {"http": 80, "https": 443}

MAX_HEADER_LENGTH = 500
"""Characters of a header that a span shows."""

PROPAGATOR = TraceContextTextMapPropagator()


def make_exporter(endpoint: str) -> SpanProcessor:
    """Return a processor that sends spans in batches, in a thread of its own.

    When its queue of 2,048 is full, further spans are dropped.
    """
    url = f"{endpoint.rstrip('/')}/v1/traces"
    return BatchSpanProcessor(OTLPSpanExporter(url, timeout=EXPORT_SECONDS))


class Traces:
    """The spans of this process. `ratio` is the share recorded of the traces that begin here."""

    def __init__(
        self, name: str, ratio: float, processor: SpanProcessor, version: str = ""
    ) -> None:
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=describe_process(name, version),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(processor)
        # Unlike atexit, it runs in worker processes as well.
        Finalize(None, provider.shutdown, exitpriority=2)
        self.tracer = provider.get_tracer(__name__, schema_url=SCHEMA)
        trace.set_tracer_provider(provider)

    def begin(
        self,
        name: str,
        kind: SpanKind,
        headers: Mapping[str, str],
        attributes: Mapping[str, Any] | None = None,
    ) -> trace.Span:
        """Begin the span of a request or job, for the rest of this task.

        It belongs to the trace that the headers name, or to a new one. A job is also linked to it.
        """
        parent = PROPAGATOR.extract(headers, context.Context())
        links = []
        if kind is SpanKind.CONSUMER and parent:
            links = [Link(trace.get_current_span(parent).get_span_context())]
        span = self.tracer.start_span(name, parent, kind, attributes, links)
        context.attach(trace.set_span_in_context(span, parent))
        return span

    def begin_request(self, method: str, fields: Mapping[bytes, bytes]) -> trace.Span:
        headers = {
            name: fields.get(name.encode(), b"").decode("latin-1") for name in PROPAGATOR.fields
        }
        return self.begin(method, SpanKind.SERVER, headers)

    def end_request(
        self,
        span: trace.Span,
        line: Mapping[str, Any],
        scope: Mapping[str, Any],
        fields: Mapping[bytes, bytes],
    ) -> None:
        """End the span of a request, by its line in the access log, its scope and its headers."""
        if span.is_recording():
            attributes = describe_request(line, scope, fields)
            method = attributes["http.request.method"].replace("_OTHER", "HTTP")
            span.update_name(f"{method} {line['route']}".rstrip())
            span.set_attributes(attributes)
        status = line["status"]
        self.end(span, str(status) if status >= 500 else "")

    @contextmanager
    def job(self, name: str, job_id: int, headers: Mapping[str, str]) -> Generator[None]:
        """Record a block as the span of a job."""
        attributes = {
            "messaging.system": "pgqueuer",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": name,
            "messaging.message.id": str(job_id),
        }
        span = self.begin(f"process {name}", SpanKind.CONSUMER, headers, attributes)
        try:
            yield
        except BaseException as error:
            self.end(span, type(error).__name__)
            raise
        self.end(span)

    def begin_statement(self, sql: str, name: str, server: Mapping[str, Any]) -> trace.Span | None:
        """Begin the span of a statement on `server`, without its arguments."""
        attributes = {
            "db.system.name": "postgresql",
            "db.query.text": sql,
            "db.query.summary": name,
            **server,
        }
        return self.begin_client_span(name, attributes)

    def end_statement(self, span: trace.Span, error: str, code: str) -> None:
        """End the span of a statement. `code` is the error code of PostgreSQL, if there is one."""
        if code:
            span.set_attribute("db.response.status_code", code)
        self.end(span, error)

    def begin_call(
        self, method: str, scheme: str, host: str, port: int, attempt: int
    ) -> trace.Span | None:
        """Begin the span of an attempt at a call, without its path: that of a webhook is secret."""
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.scheme": scheme,
            "server.address": host,
            "server.port": port,
        }
        if attempt:
            attributes["http.request.resend_count"] = attempt
        return self.begin_client_span(method, attributes)

    def is_recording(self) -> bool:
        """Return whether the current request or job is recorded."""
        return trace.get_current_span().is_recording()

    def begin_client_span(self, name: str, attributes: Mapping[str, Any]) -> trace.Span | None:
        """Begin the span of a call to the outside, if the current request or job is recorded."""
        if not self.is_recording():
            return None
        return self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    def end_call(self, span: trace.Span, status: int, version: str, error: str) -> None:
        """End the span of an attempt when its response begins, or there is none (status 0).

        `version` is that of HTTP, like "1.1".
        """
        if status:
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("network.protocol.version", version)
        self.end(span, str(status) if status >= 400 else error)

    def end(self, span: trace.Span, error: str = "") -> None:
        if error:
            self.set_error(span, error)
        span.end()

    def set_error(self, span: trace.Span, error: str) -> None:
        """Mark a span as failed, by the type of an error: its text may be confidential."""
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))

    def headers(self, span: trace.Span | None = None) -> dict[str, str]:
        """Return the headers that let a called service continue a span, by default the current."""
        headers: dict[str, str] = {}
        PROPAGATOR.inject(headers, trace.set_span_in_context(span) if span else None)
        return headers

    def ids(self) -> dict[str, str]:
        """Return the ids of the current trace and span, for a line of the log."""
        current = trace.get_current_span().get_span_context()
        if not current.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(current.trace_id),
            "span_id": trace.format_span_id(current.span_id),
        }


def describe_process(name: str, version: str) -> Resource:
    """Return the attributes of all spans of this process.

    OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win: a platform sets them.
    """
    ours = {
        "service.name": name,
        "service.version": version,
        "service.instance.id": str(uuid4()),
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def describe_request(
    line: Mapping[str, Any], scope: Mapping[str, Any], fields: Mapping[bytes, bytes]
) -> dict[str, Any]:
    """Return the attributes of a request that are known."""
    method = line["method"]
    scheme = scope["scheme"]
    attributes = {
        "http.request.method": method,
        "http.response.status_code": line["status"],
        "http.route": line["route"],
        "url.scheme": scheme,
        "url.path": line["path"],
        "client.address": line["client"],
        "network.protocol.version": scope["http_version"],
        "user_agent.original": decode_header(fields, b"user-agent"),
    }
    if method not in METHODS:
        attributes["http.request.method"] = "_OTHER"
        attributes["http.request.method_original"] = method
    with suppress(ValueError):  # a caller may send anything
        parts = urlsplit(f"//{decode_header(fields, b'host')}")
        if parts.hostname:
            attributes["server.address"] = parts.hostname
            attributes["server.port"] = parts.port or DEFAULT_PORTS[scheme]
    return {name: value for name, value in attributes.items() if value}


def decode_header(fields: Mapping[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"")[:MAX_HEADER_LENGTH].decode("latin-1")
