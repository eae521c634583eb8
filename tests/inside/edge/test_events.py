import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import msgspec
import pytest
from inside.messages import Answer, make_scope
from prometheus_client import REGISTRY
from service.kit.auth.bearer import Caller
from service.kit.edge.edge import Edge
from service.kit.edge.events import Event, EventStream, LastEventId
from service.kit.edge.options import EdgeOptions
from service.kit.web.app import build
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi
from structlog.testing import capture_logs

routes = Routes("/", access=PUBLIC)
closed: list[str] = []


@routes.get("/quiet")
async def stay_quiet(last: LastEventId) -> EventStream[str]:
    """Send one event, and no other."""

    async def make() -> AsyncGenerator[Event[str]]:
        try:
            yield Event("after " + last)
            await asyncio.Event().wait()
        finally:
            closed.append("quiet")

    return EventStream(make())


@routes.get("/plain")
async def answer() -> str:
    return "answered"


class Client:
    """A client of the application in this process, which leaves when it is told to."""

    def __init__(
        self, app: asgi.App, *headers: tuple[str, str], method: str = "GET", auth: Caller | None = None
    ) -> None:
        self.answer = Answer()
        self.leaving = asyncio.Event()
        self.stopping = asyncio.Event()
        scope = make_scope(headers, method, "/quiet") | {"stopping": self.stopping}
        if auth:
            scope["auth"] = auth
        self.task = asyncio.create_task(app(scope, self.receive, self.answer.take))

    async def receive(self) -> asgi.Message:
        await self.leaving.wait()
        return {"type": "http.disconnect"}

    async def see(self, text: str, times: int = 1) -> None:
        """Return when a text has been received so many times."""
        async with asyncio.timeout(10):
            while len(self.answer.messages) < 2 or self.answer.body.count(text.encode()) < times:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@asynccontextmanager
async def connect(app: asgi.App, *headers: tuple[str, str], auth: Caller | None = None) -> AsyncIterator[Client]:
    """Yield a client whose stream is open; it leaves in the end."""
    client = Client(app, *headers, auth=auth)
    await client.see("data: ")
    yield client
    client.leaving.set()
    await asyncio.wait_for(client.task, 10)


def make(**options: float) -> Edge:
    closed.clear()
    return Edge(build([Slice(routes)]), EdgeOptions.model_validate(options))


@pytest.mark.parametrize(
    ("event", "encoded"),
    [
        (Event({"a": "x\ny\r\0"}), b'data: {"a":"x\\ny\\r\\u0000"}\n\n'),
        (Event(1, "paid", "7"), b"event: paid\nid: 7\ndata: 1\n\n"),
        (Event(None, id="größe"), "id: größe\ndata: null\n\n".encode()),
        (Event(msgspec.Raw(b'{\n"a":\r\n1\r}')), b'data: {\ndata: "a":\ndata: 1\ndata: }\n\n'),
    ],
)
def test_an_event_is_written_as_the_standard_has_it(event: Event[object], encoded: bytes):
    assert event.encode() == encoded


@pytest.mark.parametrize("text", ["a\nb", "a\r", "\0"])
@pytest.mark.parametrize("field", ["name", "id"])
def test_a_name_or_an_id_that_would_break_the_stream_is_refused(field: str, text: str):
    with pytest.raises(ValueError, match="single lines without NUL"):
        Event(1, **{field: text})


@pytest.mark.parametrize("coding", ["", "zstd", "br", "gzip"])
async def test_a_stream_is_seen_to_open_and_each_event_as_it_comes(coding: str):
    async with connect(make(), ("accept-encoding", coding)) as client:
        assert client.answer.headers["content-type"] == "text/event-stream"
        assert client.answer.headers.get("content-encoding", "") == coding
        retry, event, rest = client.answer.body.split(b"\n\n")
        assert 1000 <= int(retry.removeprefix(b"retry: ")) <= 5000
        assert (event, rest) == (b'data: "after "', b"")


async def test_the_last_event_of_the_client_reaches_the_handler():
    async with connect(make(), ("last-event-id", "größe 7".encode().decode("latin-1"))) as client:
        await client.see('data: "after größe 7"')


async def test_heartbeats_come_and_the_deadline_of_requests_does_not():
    async with connect(make(heartbeat=0.05, request_timeout=0.1)) as client:
        await client.see(":\n\n", times=8)
        assert not client.task.done()


async def test_a_client_that_leaves_closes_a_quiet_generator():
    app = make()
    async with connect(app) as client:
        assert closed == []
    assert closed == ["quiet"]
    assert not client.answer.is_complete
    assert app.streams.running == 0


async def test_a_worker_that_stops_ends_its_streams():
    async with connect(make()) as client:
        client.stopping.set()
        await asyncio.wait_for(client.task, 10)
        assert client.answer.is_complete
        assert closed == ["quiet"]


async def test_a_stream_ends_in_time_and_with_the_token_of_its_caller():
    async with connect(make(stream_lifetime=0.05)) as client:
        await asyncio.wait_for(client.task, 10)
        assert client.answer.is_complete
    async with connect(make(), auth=Caller("ada", {}, time.time() + 0.05)) as client:
        await asyncio.wait_for(client.task, 10)
        assert client.answer.is_complete


async def test_streams_are_bounded_and_take_no_slot_of_a_request():
    app = make(streams=2, concurrency=1)
    refused = REGISTRY.get_sample_value("http_requests_refused_total", {"reason": "stream"}) or 0
    async with connect(app), connect(app):
        assert (app.admission.running, app.streams.running) == (0, 2)
        third = Client(app)
        await asyncio.wait_for(third.task, 10)
        assert (third.answer.status, third.answer.headers["retry-after"]) == (503, "1")
        assert json.loads(third.answer.body)["type"] == "urn:problem:busy"
        assert REGISTRY.get_sample_value("http_requests_refused_total", {"reason": "stream"}) == refused + 1
        assert app.admission.running == 0
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as other:
            assert (await other.get("/plain")).json() == "answered"
    async with connect(app):
        pass
    assert (app.admission.running, app.streams.running) == (0, 0)


async def test_head_is_answered_without_a_stream():
    client = Client(make(), method="HEAD")
    await client.task
    assert client.answer.status == 200
    assert client.answer.headers["content-type"] == "text/event-stream"
    assert client.answer.raw == b""


async def test_what_is_measured_of_a_stream_ends_where_it_opens(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    app = make()
    with capture_logs() as lines:
        async with connect(app):
            now += 3600
        app.access_log.flush()
    assert [(line["total_ms"], line["open_s"]) for line in lines] == [(0, 3600)]


async def test_a_stream_and_the_id_that_it_goes_on_from_are_described():
    transport = httpx2.ASGITransport(Edge(build([Slice(routes)], docs=True)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        description = (await client.get("/openapi.json")).json()
    operation = description["paths"]["/quiet"]["get"]
    described = operation["responses"]["200"]["content"]["text/event-stream"]["schema"]["properties"]["data"]
    assert (described["contentMediaType"], described["contentSchema"]) == ("application/json", {"type": "string"})
    assert [(each["name"], each["in"]) for each in operation["parameters"]] == [("Last-Event-ID", "header")]
