"""A collector: it receives spans by OTLP over HTTP, as they leave a service's processes."""

import gzip
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


@dataclass
class Received:
    """A span as it arrived, and the attributes of the process that sent it."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: list[str]
    is_error: bool
    attributes: dict[str, Any]
    process: dict[str, Any]
    schema: str


@dataclass
class Collector:
    """What arrived until now."""

    url: str = ""
    spans: list[Received] = field(default_factory=list)
    arrived: Condition = field(default_factory=Condition)

    def wait_for(self, name: str, seconds: float = 60) -> Received:
        """Return the first span of a name, once it is there."""
        with self.arrived:
            found = self.arrived.wait_for(lambda: self.find(name), seconds)
            assert found, sorted({span.name for span in self.spans})
            return found[0]

    def find(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        sent = ExportTraceServiceRequest.FromString(body)
        for group in sent.resource_spans:
            process = read_attributes(group.resource.attributes)
            for scope in group.scope_spans:
                for span in scope.spans:
                    received = Received(
                        span.name,
                        KINDS[span.kind],
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        [link.span_id.hex() for link in span.links],
                        span.status.code == 2,
                        read_attributes(span.attributes),
                        process,
                        scope.schema_url,
                    )
                    with self.arrived:
                        self.spans.append(received)
                        self.arrived.notify_all()


def read_attributes(given: Any) -> dict[str, Any]:
    return {each.key: read_value(each) for each in given}


def read_value(given: KeyValue) -> Any:
    value: AnyValue = given.value
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


@contextmanager
def run() -> Generator[Collector]:
    """Run a collector while the block runs."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                collector.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield collector
        finally:
            server.shutdown()
