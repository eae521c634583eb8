# kit: updated by the template; extend it from app.py
"""Spans by OpenTelemetry for requests, statements, calls and jobs. Imported when traces are on, and
not before.

The span of a request or job is OpenTelemetry's current one, so spans of your own, and of libraries
that are instrumented, become its children.
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


ATTRIBUTES = {
    "http.request.method": "method",
    "url.path": "path",
    "http.route": "route",
    "http.response.status_code": "status",
    "client.address": "client",
}
"""What the span of a request tells, by the names of OpenTelemetry's semantic conventions."""


PROPAGATOR = TraceContextTextMapPropagator()


def make_exporter(endpoint: str) -> SpanProcessor:
    """Return what sends spans in batches, by a thread of its own. What does not fit its queue of
    2,048 is dropped.
    """
    return BatchSpanProcessor(
        OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    )


class Traces:
    """The spans of this process. `ratio` is the share recorded of the traces that no caller has
    decided on.
    """

    def __init__(self, name: str, ratio: float, processor: SpanProcessor) -> None:
        sampler = ParentBased(TraceIdRatioBased(ratio))
        provider = TracerProvider(
            sampler, Resource.create({"service.name": name}), shutdown_on_exit=False
        )
        provider.add_span_processor(processor)
        Finalize(
            None, provider.shutdown, exitpriority=2
        )  # unlike atexit, it runs in worker processes as well
        self.tracer = provider.get_tracer(__name__)
        trace.set_tracer_provider(provider)

    def begin(self, name: str, kind: SpanKind, headers: Mapping[str, str]) -> trace.Span:
        """Begin the span of a request or job in the trace that its headers name, for the rest of
        this task.
        """
        parent = (
            PROPAGATOR.extract(headers, context.Context())
            if "traceparent" in headers
            else context.Context()
        )
        span = self.tracer.start_span(name, parent, kind)
        context.attach(trace.set_span_in_context(span, parent))
        return span

    def begin_request(self, method: str, fields: Mapping[bytes, bytes]) -> trace.Span:
        names = ("traceparent", "tracestate")
        headers = {
            name: value.decode("latin-1") for name in names if (value := fields.get(name.encode()))
        }
        return self.begin(method, SpanKind.SERVER, headers)

    @contextmanager
    def job(self, name: str, headers: Mapping[str, str]) -> Generator[None]:
        span, error = self.begin(name, SpanKind.CONSUMER, headers), ""
        try:
            yield
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self.end(span, error)

    def begin_statement(self, sql: str) -> trace.Span | None:
        """Begin the span of a statement without its arguments, if the work that it belongs to is
        recorded.
        """
        if not trace.get_current_span().is_recording():
            return None
        attributes = {"db.system.name": "postgresql", "db.query.text": sql}
        return self.tracer.start_span(
            sql.split(None, 1)[0].upper(), kind=SpanKind.CLIENT, attributes=attributes
        )

    def begin_call(self, method: str, host: str, port: int, attempt: int) -> trace.Span | None:
        """Begin the span of an attempt at a call, without its path: that of a webhook is a
        secret.
        """
        if not trace.get_current_span().is_recording():
            return None
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "server.address": host,
            "server.port": port,
        }
        if attempt:
            attributes["http.request.resend_count"] = attempt
        return self.tracer.start_span(method, kind=SpanKind.CLIENT, attributes=attributes)

    def end_call(self, span: trace.Span, status: int, error: str) -> None:
        """End the span of an attempt when its answer begins, or there is none."""
        if status:
            span.set_attribute("http.response.status_code", status)
        self.end(span, str(status) if status >= 400 else error)

    def headers(self, span: trace.Span | None = None) -> dict[str, str]:
        """Return the headers by which whoever is called becomes a child of a span, by default the
        current one.
        """
        headers: dict[str, str] = {}
        PROPAGATOR.inject(headers, trace.set_span_in_context(span) if span else None)
        return headers

    def ids(self) -> dict[str, str]:
        place = trace.get_current_span().get_span_context()
        return (
            {"trace_id": f"{place.trace_id:032x}", "span_id": f"{place.span_id:016x}"}
            if place.is_valid
            else {}
        )

    def end(self, span: trace.Span, error: str = "") -> None:
        """End a span. `error` is the kind of what went wrong: its text may quote what is not for
        everybody.
        """
        if error:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def end_request(self, span: trace.Span, line: Mapping[str, Any]) -> None:
        """End the span of a request, of which its line in the access log tells."""
        if span.is_recording():
            span.update_name(f"{line['method']} {line['route']}".rstrip())
            span.set_attributes({name: line[key] for name, key in ATTRIBUTES.items() if line[key]})
        self.end(span, str(line["status"]) if line["status"] >= 500 else "")
