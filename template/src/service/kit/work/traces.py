# kit: updated by the template; extend it from app.py
"""OpenTelemetry spans for requests, statements, calls and jobs.

It is imported only when traces are on. The span of a request or job is OpenTelemetry's
current one, so spans of your own, and of libraries that are instrumented, become its children.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from multiprocessing.util import Finalize
from typing import Any

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

EXPORT_SECONDS = 3.0
"""How long one export may take, the last one of a process included."""

REQUEST_ATTRIBUTES = {
    "http.request.method": "method",
    "url.path": "path",
    "http.route": "route",
    "http.response.status_code": "status",
    "client.address": "client",
}
"""Fields of the access log by their names in OpenTelemetry's semantic conventions."""

PROPAGATOR = TraceContextTextMapPropagator()


def make_exporter(endpoint: str) -> SpanProcessor:
    """Return a processor that sends spans in batches, in a thread of its own.

    When its queue of 2,048 is full, further spans are dropped.
    """
    url = f"{endpoint.rstrip('/')}/v1/traces"
    return BatchSpanProcessor(OTLPSpanExporter(url, timeout=EXPORT_SECONDS))


class Traces:
    """The spans of this process. `ratio` is the share recorded of the traces that begin here."""

    def __init__(self, name: str, ratio: float, processor: SpanProcessor) -> None:
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({"service.name": name}),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(processor)
        # Unlike atexit, it runs in worker processes as well.
        Finalize(None, provider.shutdown, exitpriority=2)
        self.tracer = provider.get_tracer(__name__)
        trace.set_tracer_provider(provider)

    def begin(self, name: str, kind: SpanKind, headers: Mapping[str, str]) -> trace.Span:
        """Begin the span of a request or job, for the rest of this task.

        It belongs to the trace that the headers name, or to a new one.
        """
        parent = PROPAGATOR.extract(headers, context.Context())
        span = self.tracer.start_span(name, parent, kind)
        context.attach(trace.set_span_in_context(span, parent))
        return span

    def begin_request(self, method: str, fields: Mapping[bytes, bytes]) -> trace.Span:
        headers = {
            name: fields.get(name.encode(), b"").decode("latin-1") for name in PROPAGATOR.fields
        }
        return self.begin(method, SpanKind.SERVER, headers)

    def end_request(self, span: trace.Span, line: Mapping[str, Any]) -> None:
        """End the span of a request, with the fields of its line in the access log."""
        if span.is_recording():
            span.update_name(f"{line['method']} {line['route']}".rstrip())
            for attribute, field in REQUEST_ATTRIBUTES.items():
                if line[field]:
                    span.set_attribute(attribute, line[field])
        status = line["status"]
        self.end(span, str(status) if status >= 500 else "")

    @contextmanager
    def job(self, name: str, headers: Mapping[str, str]) -> Generator[None]:
        """Record a block as the span of a job."""
        span = self.begin(name, SpanKind.CONSUMER, headers)
        try:
            yield
        except BaseException as error:
            self.end(span, type(error).__name__)
            raise
        self.end(span)

    def begin_statement(self, sql: str) -> trace.Span | None:
        """Begin the span of a statement, without its arguments."""
        attributes = {"db.system.name": "postgresql", "db.query.text": sql}
        return self.begin_client_span(sql.split(None, 1)[0].upper(), attributes)

    def begin_call(self, method: str, host: str, port: int, attempt: int) -> trace.Span | None:
        """Begin the span of an attempt at a call, without its path: that of a webhook is secret."""
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "server.address": host,
            "server.port": port,
        }
        if attempt:
            attributes["http.request.resend_count"] = attempt
        return self.begin_client_span(method, attributes)

    def begin_client_span(self, name: str, attributes: Mapping[str, Any]) -> trace.Span | None:
        """Begin the span of a call to the outside, if the current request or job is recorded."""
        if not trace.get_current_span().is_recording():
            return None
        return self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    def end_call(self, span: trace.Span, status: int, error: str) -> None:
        """End the span of an attempt when its response begins, or there is none (status 0)."""
        if status:
            span.set_attribute("http.response.status_code", status)
        self.end(span, str(status) if status >= 400 else error)

    def end(self, span: trace.Span, error: str = "") -> None:
        """End a span. `error` is the type of an error: its text may be confidential."""
        if error:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        span.end()

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
