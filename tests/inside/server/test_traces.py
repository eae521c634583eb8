"""Traces: a request, its statements, calls and job are one; off, nothing of OpenTelemetry is imported."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import httpx2
import msgspec
import pytest
import structlog
from inside import peers
from inside.pools import PID
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from pydantic import ValidationError
from service import app
from service.kit import web
from service.kit.calls.client import make_client
from service.kit.calls.options import ClientOptions
from service.kit.db import database
from service.kit.db.database import Database
from service.kit.edge.edge import Edge
from service.kit.jobs.job import Job, JobOptions, Worker
from service.kit.jobs.queue import enqueue
from service.kit.server import logs
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi, responses, tracing
from service.kit.work.problems import busy, not_found
from service.kit.work.traces import Traces
from service.kit.work.tracing import TracesOptions, configure_traces, trace_headers
from service.settings import Settings
from structlog.testing import capture_logs

from tests.kit.fixtures import open_client
from tests.kit.jobs import run_jobs
from tests.kit.processes import run
from tests.orders.test_orders import NEW

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
RECORDED, UNRECORDED = (f"00-{CALLER}-00f067aa0ba902b7-{flags}" for flags in ("01", "00"))
TOLD = re.compile(r"^traceparent: (.*)\r$", re.MULTILINE | re.IGNORECASE)


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def traces(exporter: InMemorySpanExporter) -> Traces:
    """Records no trace that was begun here."""
    return Traces("tested", 0.0, SimpleSpanProcessor(exporter))


@pytest.fixture
def spans(traces: Traces, exporter: InMemorySpanExporter) -> Generator[InMemorySpanExporter]:
    exporter.clear()
    token = tracing.active_traces.set(traces)
    yield exporter
    tracing.active_traces.reset(token)


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
    request, insert, job = (
        find(spans, name) for name in ("POST /v1/orders", "orders.create_order", "process orders.confirm")
    )
    assert f"{parent_of(request):016x}" == "00f067aa0ba902b7"
    select = find(spans, "orders.read_order")
    assert [parent_of(span) for span in (insert, job, select)] == [id_of(request), id_of(request), id_of(job)]
    told = request.attributes or {}
    assert (told["http.route"], told["http.response.status_code"]) == ("/v1/orders", 201)
    assert "insert into orders" in str((insert.attributes or {})["db.query.text"])
    assert "ada@example.com" not in "".join(span.to_json() for span in spans.get_finished_spans())


class Bell(msgspec.Struct, frozen=True):
    """Nothing but that it rings."""


async def test_a_request_its_statements_its_calls_and_those_of_its_job_are_one_trace(
    settings: Settings, spans: InMemorySpanExporter
):
    options, db, caller = JobOptions(), Database(settings.database), make_client(ClientOptions())
    routes = Routes("/ring", access=PUBLIC)

    async def ring(_: Bell, client: httpx2.AsyncClient) -> None:
        await client.get(peer.url)

    job = Job("bells.ring", Bell, ring)

    @routes.post("/")
    async def plan(client: httpx2.AsyncClient, db: Database) -> str:
        async with db.transaction() as connection:
            await enqueue(connection, job, Bell())
        return (await client.put(f"{peer.url}/path?with=a-secret")).text

    own = web.build([Slice(routes)], provide=[caller, db], resources=[caller, db])
    busy_once = peers.answer(503, b"", "retry-after: 0"), peers.answer()
    async with peers.run(*busy_once) as peer, open_client(Edge(own)) as client:
        asking = asyncio.create_task(client.post("/ring", headers={"traceparent": RECORDED}))
        assert (await asking).status_code == 201
        again = make_client(ClientOptions())
        await run_jobs(Worker([job], options, settings, provide=[again], resources=[again]))
        port = int(peer.url.rpartition(":")[2])
    assert {span.context and f"{span.context.trace_id:032x}" for span in spans.get_finished_spans()} == {CALLER}
    request, insert, run = (find(spans, name) for name in ("POST /ring", "INSERT kit.pgqueuer", "process bells.ring"))
    calls = [span for span in spans.get_finished_spans() if span.name in ("GET", "PUT")]
    assert [span.name for span in calls] == ["PUT", "PUT", "GET"]
    assert [parent_of(span) for span in (insert, run, *calls)] == [id_of(request)] * 4 + [id_of(run)]
    assert [TOLD.findall(sent.decode()) for sent in peer.requests] == [
        [f"00-{CALLER}-{id_of(span):016x}-01"] for span in calls
    ]
    where = {"url.scheme": "http", "server.address": "127.0.0.1", "server.port": port}
    told = {**where, "network.protocol.version": "1.1"}
    assert [span.attributes for span in calls] == [
        {"http.request.method": "PUT", **told, "http.response.status_code": 503, "error.type": "503"},
        {"http.request.method": "PUT", **told, "http.response.status_code": 200, "http.request.resend_count": 1},
        {"http.request.method": "GET", **told, "http.response.status_code": 200},
    ]
    assert all(span.kind is SpanKind.CLIENT for span in calls)
    assert "a-secret" not in "".join(span.to_json() for span in spans.get_finished_spans())


async def test_a_call_without_an_answer_has_a_span_and_one_that_is_not_recorded_has_none(
    traces: Traces, spans: InMemorySpanExporter
):
    for traceparent, found in ((UNRECORDED, []), (RECORDED, [("GET", "ConnectError"), ("GET", "TimeoutError")])):
        traces.begin("work", SpanKind.SERVER, {"traceparent": traceparent})
        async with make_client(ClientOptions(retries=0, timeout=0.2)) as client, peers.run(peers.say_nothing) as peer:
            with peers.run_nothing() as nobody, pytest.raises(httpx2.TransportError):
                await client.get(nobody.url)
            with pytest.raises(httpx2.TransportError):
                await client.get(peer.url)
        kinds = [(span.name, (span.attributes or {})["error.type"]) for span in spans.get_finished_spans()]
        assert kinds == found
        (told,) = TOLD.findall(peer.requests[0].decode())
        assert told.startswith(f"00-{CALLER}-")


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    match scope["path"]:
        case "/busy":
            raise busy("Too many.")
        case "/absent":
            raise not_found("It")
        case "/broken":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise ConnectionResetError
    headers = {name.encode(): value.encode() for name, value in trace_headers().items()}
    if span := tracing.active_traces.get().begin_statement("select 'a secret'", "notes.read", {}):
        tracing.active_traces.get().end(span)
    await responses.respond(send, 200, b"fine", b"text/plain", headers)


async def ask(edge: Edge, path: str, traceparent: str = "") -> httpx2.Response:
    """Ask in a task of its own, as the server does."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge), base_url="http://service.test") as client:
        headers = {"traceparent": traceparent} if traceparent else {}
        return await asyncio.create_task(client.get(path, headers=headers))


async def test_an_outgoing_call_joins_the_trace_and_lines_carry_its_ids(spans: InMemorySpanExporter):
    edge = Edge(answer)
    with capture_logs([structlog.contextvars.merge_contextvars, logs.add_context]) as lines:
        for traceparent in (RECORDED, UNRECORDED, "nonsense"):
            sent = (await ask(edge, "/", traceparent)).headers["traceparent"].split("-")
            edge.access_log.flush()
            assert [lines[-1][name] for name in ("trace_id", "span_id")] == sent[1:3]
            assert (sent[1] == CALLER) is (traceparent != "nonsense")
            assert int(sent[3], 16) & 1 is int(traceparent == RECORDED)
    assert [span.name for span in spans.get_finished_spans()] == ["notes.read", "GET"]


async def test_nothing_is_made_for_a_statement_of_a_request_that_is_not_recorded(
    traces: Traces, spans: InMemorySpanExporter, db: Database, monkeypatch: pytest.MonkeyPatch
):
    named: list[str] = []
    name_statement = database.name_statement
    monkeypatch.setattr(database, "name_statement", lambda sql: named.append(sql) or name_statement(sql))
    for traceparent in (UNRECORDED, RECORDED):
        traces.begin("work", SpanKind.SERVER, {"traceparent": traceparent})
        await db.fetch_one(PID)
    assert named == [PID.sql]
    assert [(span.attributes or {})["db.query.text"] for span in spans.get_finished_spans()] == [PID.sql]


async def test_a_fault_of_ours_is_an_error_and_probes_have_no_span(spans: InMemorySpanExporter):
    edge = Edge(answer)
    for path in ("/busy", "/absent", "/livez"):
        await ask(edge, path, RECORDED)
    found = [(span.attributes or {}) for span in spans.get_finished_spans()]
    assert [(each["url.path"], each.get("error.type")) for each in found] == [("/busy", "503"), ("/absent", None)]


async def test_a_response_that_breaks_off_is_an_error_although_its_status_was_sent(spans: InMemorySpanExporter):
    with pytest.raises(ConnectionResetError):
        await ask(Edge(answer), "/broken", RECORDED)
    (span,) = spans.get_finished_spans()
    told = span.attributes or {}
    assert (told["http.response.status_code"], told["error.type"]) == (200, "ConnectionResetError")
    assert not span.status.is_ok


def test_off_there_are_no_headers_and_nothing_is_imported(database_url: str):
    configure_traces(TracesOptions(), "tested")
    assert tracing.active_traces.get() is None
    assert trace_headers() == {}
    code = "import sys; from service import app; app.create(); print([n for n in sys.modules if 'opentelemetry' in n])"
    variables = os.environ | {"DATABASE_URL": database_url}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("endpoint", "advice"),
    [
        ("localhost:4318", "write http://localhost:4318"),
        ("http://collector:x", "Port could not be cast"),
        ("http://collector/v1/traces/", "leave out /v1/traces"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused_with_the_settings(endpoint: str, advice: str):
    with pytest.raises(ValidationError, match=advice):
        TracesOptions(endpoint=endpoint)


@pytest.mark.parametrize("missing", ["opentelemetry.exporter.otlp.proto.http", "opentelemetry"])
def test_without_the_extra_a_service_says_so_before_it_listens(missing: str, tmp_path: Path, database_url: str):
    hide = f"import sys; sys.modules[{missing!r}] = None"
    (tmp_path / "sitecustomize.py").write_text(hide)
    endpoint = "http://127.0.0.1:1"
    ended = run("serve", DATABASE_URL=database_url, TRACES_ENDPOINT=endpoint, PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if "TRACES" in line]
    assert "uv sync --extra traces" in line
    assert not ended.stdout
    assert "Traceback" not in ended.stderr
