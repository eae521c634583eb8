"""Traces: a request, its statements and its job are one; off, nothing of OpenTelemetry is imported."""

import asyncio
import os
import subprocess
import sys

import httpx2
import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from service import app
from service.kit.edge import (
    CommandError,
    Edge,
    TracesOptions,
    asgi,
    busy,
    configure_traces,
    context,
    not_found,
    trace_headers,
)
from service.kit.edge.traces import Traces
from service.kit.server import logs
from structlog.testing import capture_logs

from tests.kit.jobs import run_jobs
from tests.orders.test_orders import NEW

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
RECORDED, UNRECORDED = (f"00-{CALLER}-00f067aa0ba902b7-{flags}" for flags in ("01", "00"))


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def traces(exporter: InMemorySpanExporter) -> Traces:
    """Records no trace that was begun here."""
    return Traces("tested", 0.0, SimpleSpanProcessor(exporter))


@pytest.fixture
def spans(traces: Traces, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter.clear()
    monkeypatch.setattr(context, "tracing", traces)
    return exporter


def id_of(span: ReadableSpan) -> int:
    return span.context.span_id if span.context else 0


def parent_of(span: ReadableSpan) -> int:
    return span.parent.span_id if span.parent else 0


def find(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    return next(span for span in spans.get_finished_spans() if span.name == name)


async def test_a_request_its_statements_and_its_job_are_one_trace(
    client: httpx2.AsyncClient, spans: InMemorySpanExporter, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert (await client.post("/v1/orders", json=NEW, headers={"traceparent": RECORDED})).status_code == 201
    await run_jobs(app.create_worker())
    assert {span.context and f"{span.context.trace_id:032x}" for span in spans.get_finished_spans()} == {CALLER}
    request, insert, job = (find(spans, name) for name in ("POST /v1/orders", "INSERT", "orders.confirm"))
    assert f"{parent_of(request):016x}" == "00f067aa0ba902b7"
    select = find(spans, "SELECT")
    assert [parent_of(span) for span in (insert, job, select)] == [id_of(request), id_of(request), id_of(job)]
    told = request.attributes or {}
    assert (told["http.route"], told["http.response.status_code"]) == ("/v1/orders", 201)
    assert "insert into orders" in str((insert.attributes or {})["db.query.text"])
    assert "ada@example.com" not in "".join(span.to_json() for span in spans.get_finished_spans())


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    match scope["path"]:
        case "/busy":
            raise busy("Too many.")
        case "/absent":
            raise not_found("It")
    with context.Span("database", "select 'a secret'"):
        headers = [(name.encode(), value.encode()) for name, value in trace_headers().items()]
    await asgi.respond(send, 200, b"fine", b"text/plain", headers)


async def ask(edge: Edge, path: str, traceparent: str = "") -> httpx2.Response:
    """Ask in a task of its own, as the server does."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge), base_url="http://service.test") as client:
        headers = {"traceparent": traceparent} if traceparent else {}
        return await asyncio.create_task(client.get(path, headers=headers))


async def test_an_outgoing_call_joins_the_trace_and_lines_carry_its_ids(spans: InMemorySpanExporter):
    edge = Edge(answer)
    with capture_logs([structlog.contextvars.merge_contextvars, logs.stamp]) as lines:
        for traceparent in (RECORDED, UNRECORDED, "nonsense"):
            sent = (await ask(edge, "/", traceparent)).headers["traceparent"].split("-")
            edge.access_log.flush()
            assert [lines[-1][name] for name in ("trace_id", "span_id")] == sent[1:3]
            assert (sent[1] == CALLER) is (traceparent != "nonsense")
            assert int(sent[3], 16) & 1 is int(traceparent == RECORDED)
    assert [span.name for span in spans.get_finished_spans()] == ["SELECT", "GET"]


async def test_a_fault_of_ours_is_an_error_and_probes_have_no_span(spans: InMemorySpanExporter):
    edge = Edge(answer)
    for path in ("/busy", "/absent", "/livez"):
        await ask(edge, path, RECORDED)
    found = [(span.attributes or {}) for span in spans.get_finished_spans()]
    assert [(each["url.path"], each.get("error.type")) for each in found] == [("/busy", "503"), ("/absent", None)]


def test_off_there_are_no_headers_and_nothing_is_imported(database_url: str):
    configure_traces(TracesOptions(), "tested")
    assert context.tracing is None
    assert trace_headers() == {}
    code = "import sys; from service import app; app.create(); print([n for n in sys.modules if 'opentelemetry' in n])"
    variables = os.environ | {"DATABASE_URL": database_url}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables)
    assert done.stdout.strip() == "[]", done.stderr


def test_without_the_extra_an_endpoint_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.delitem(sys.modules, "service.kit.edge.traces")
    with pytest.raises(CommandError, match="uv sync --extra traces"):
        configure_traces(TracesOptions(endpoint="http://127.0.0.1:1"), "tested")
