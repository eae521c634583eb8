import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import structlog
from prometheus_client import CollectorRegistry
from service.kit.edge import access_log
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.server import logs
from service.kit.work import asgi, batch, context, limits, metrics, responses
from service.kit.work.metrics import Metrics
from service.kit.work.problems import busy
from structlog.testing import capture_logs
from structlog.typing import EventDict


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """What was logged, with all that lines get in production but their form."""
    with capture_logs([structlog.contextvars.merge_contextvars, logs.add_context]) as logged:
        yield logged


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    if scope["type"] == "lifespan":
        return
    structlog.contextvars.bind_contextvars(tenant=scope["path"])
    with limits.Span("database"):
        await asyncio.sleep(0.002)
    match scope["path"]:
        case "/lost":
            raise busy("The database is away.") from OSError("connection reset by test")
        case "/full":
            raise busy("Too many.")
    await responses.respond(send, 200, b"fine", b"text/plain")


async def ask(edge: Edge, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge), base_url="http://service.test") as client:
        return await client.get(path)


async def test_each_request_is_logged_except_probes(lines: list[EventDict]):
    edge = Edge(answer)
    response = await ask(edge, "/fine")
    for _ in range(2):
        await ask(edge, "/livez")
    await asyncio.sleep(0.01)
    edge.access_log.flush()
    (line,) = lines
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "GET", "/fine", 200)
    assert (line["bytes"], line["log_level"]) == (4, "info")
    assert line["database_ms"] >= 2
    assert line["database_ms"] + line["handler_ms"] == pytest.approx(line["total_ms"], abs=0.01)
    assert (line["request_id"], line["tenant"]) == (response.headers["x-request-id"], "/fine")
    assert (datetime.now(UTC) - line["timestamp"]).total_seconds() >= 0.01, "it ended then, and was written later"


async def test_a_line_holds_nothing_of_the_query_the_headers_or_the_body(lines: list[EventDict]):
    transport = httpx2.ASGITransport(edge := Edge(answer))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        headers = {"authorization": "Bearer ada@example.com", "referer": "https://ada@example.com"}
        await client.post("/fine?email=ada@example.com", json={"email": "ada@example.com"}, headers=headers)
    edge.access_log.flush()
    (line,) = lines
    assert line["status"] == 200
    assert "ada@example.com" not in str(line)


def ask_for_one_line(*processors: Any, level: int = logging.INFO) -> list[Any]:
    """Return what the logger is given for a request, where a team set up structlog like this."""
    given: list[Any] = []

    class Kept:
        def info(self, *args: object, **fields: object) -> None:
            given.append((args, fields))

    before = structlog.get_config()
    wrapper = structlog.make_filtering_bound_logger(level)
    structlog.configure(processors=processors, wrapper_class=wrapper, logger_factory=Kept)
    try:
        edge = Edge(answer)
        asyncio.run(ask(edge, "/fine"))
        edge.access_log.flush()
    finally:
        structlog.configure(**before)
    return given


def drop(*_: object) -> EventDict:
    raise structlog.DropEvent


def test_a_line_passes_the_processors_of_the_team_and_reaches_its_logger():
    def add_region(_: object, level: str, line: EventDict) -> EventDict:
        return {**line, "region": "north", "level": level}

    [((line,), _)] = ask_for_one_line(add_region)
    assert (line["event"], line["path"], line["region"], line["level"]) == ("request", "/fine", "north", "info")
    assert ask_for_one_line(lambda *_: (("text",), {"extra": 1})) == [(("text",), {"extra": 1})]
    assert ask_for_one_line(drop) == []
    assert ask_for_one_line(add_region, level=logging.WARNING) == []


async def test_a_long_path_is_cut_in_the_log(lines: list[EventDict]):
    edge = Edge(answer)
    await ask(edge, "/" + "x" * 60_000)
    edge.access_log.flush()
    assert len(lines[0]["path"]) == access_log.MAX_PATH_LENGTH


def test_without_an_event_loop_items_are_written_at_once():
    written: list[list[int]] = []
    batches = batch.Batch(written.append, delay=60, max_items=100)
    batches.add(1)
    batches.add(2)
    assert written == [[1], [2]]


async def test_request_lines_can_be_turned_off(lines: list[EventDict]):
    edge = Edge(answer, EdgeOptions(log=False))
    await ask(edge, "/fine")
    edge.access_log.flush()
    assert not lines


async def test_records_wait_a_moment_for_others(lines: list[EventDict]):
    edge = Edge(answer)
    for _ in range(2):
        await ask(edge, "/fine")
        assert not lines
    await asyncio.sleep(access_log.WRITE_DELAY + 0.1)
    assert len(lines) == 2
    await ask(edge, "/fine")
    await asyncio.sleep(access_log.WRITE_DELAY + 0.1)
    assert len(lines) == 3


async def test_a_full_batch_of_records_is_written_at_once(lines: list[EventDict], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(access_log, "MAX_WAITING", 3)
    edge = Edge(answer)
    await asyncio.gather(*(ask(edge, "/fine") for _ in range(4)))
    assert (len(lines), len(edge.access_log.waiting)) == (3, 1)


async def test_what_has_a_cause_is_a_warning_at_once_and_a_refusal_is_none(lines: list[EventDict]):
    edge = Edge(answer)
    await ask(edge, "/full")
    assert not lines
    await ask(edge, "/lost")
    assert [(line["log_level"], line["detail"]) for line in lines] == [
        ("info", "Too many."),
        ("warning", "The database is away."),
    ]
    assert "connection reset by test" in lines[1]["cause"]


async def test_what_waits_is_written_when_the_application_ends(lines: list[EventDict]):
    edge = Edge(answer)
    await ask(edge, "/fine")

    async def receive() -> asgi.Message:
        return {"type": "lifespan.startup"}

    async def send(_: asgi.Message) -> None:
        pass

    await edge({"type": "lifespan"}, receive, send)
    assert len(lines) == 1


async def test_tasks_left_running_add_nothing_to_the_times_of_their_request(lines: list[EventDict]):
    left: list[asyncio.Task[None]] = []

    async def work() -> None:
        with limits.Span("total"):
            await asyncio.sleep(0.02)

    async def leave(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await work()
        left.append(asyncio.create_task(work()))
        await answer(scope, receive, send)

    edge = Edge(leave)
    await ask(edge, "/fine")
    layers = dict(edge.access_log.waiting[0].layers)
    await left[0]
    assert edge.access_log.waiting[0].layers == layers
    edge.access_log.flush()
    assert lines[0]["total_ms"] > layers["total"] * 1000, "a span may have that name, but the total is the total"


async def test_what_waits_holds_no_request():
    edge = Edge(answer)
    await ask(edge, "/fine")
    (record,) = edge.access_log.waiting
    assert record.context
    work = record.context[context.current]
    assert work
    assert work.scope is None


async def test_requests_are_counted_by_their_route_and_times_by_their_layers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(metrics.MULTIPROC_DIR, raising=False)
    registry = CollectorRegistry()
    own = Metrics(registry)
    monkeypatch.setattr(metrics, "get_metrics", lambda: own)
    edge = Edge(answer)
    for path in ("/fine", "/fine", "/full"):
        await ask(edge, path)
    edge.access_log.flush()
    route = {"method": "GET", "route": "unmatched"}
    get = registry.get_sample_value
    assert [get("http_requests_total", {**route, "status": status}) for status in ("200", "503")] == [2, 1]
    assert get("http_request_duration_seconds_count", route) == 3
    spent = [get("http_layer_duration_seconds_sum", {"layer": layer}) or 0 for layer in ("database", "handler")]
    assert sum(spent) == pytest.approx(get("http_request_duration_seconds_sum", route))
    assert spent[0] >= 0.006
