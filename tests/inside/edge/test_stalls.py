import asyncio

import pytest
from prometheus_client import CollectorRegistry
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.work import asgi, limits, metrics

SCOPE = {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": [(b"host", b"service.test")]}


async def receive() -> asgi.Message:
    return {"type": "http.request"}


async def stream(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    """Send three parts, the second one later than a request may take."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"1", "more_body": True})
    await asyncio.sleep(0.2)
    assert limits.time_left(60) == 60
    await send({"type": "http.response.body", "body": b"2", "more_body": True})
    await send({"type": "http.response.body", "body": b"3"})


async def test_a_stream_that_has_begun_may_outlast_the_deadline():
    sent: list[bytes] = []

    async def send(message: asgi.Message) -> None:
        sent.append(message.get("body", b""))

    await Edge(stream, EdgeOptions(request_timeout=0.1, stall_timeout=0.1))(dict(SCOPE), receive, send)
    assert sent == [b"", b"1", b"2", b"3"]


async def test_a_stream_that_is_not_read_is_ended(monkeypatch: pytest.MonkeyPatch):
    registry = CollectorRegistry()
    own = metrics.Metrics(registry)
    monkeypatch.setattr(metrics, "get_metrics", lambda: own)

    async def send(message: asgi.Message) -> None:
        if message.get("body") == b"2":
            await asyncio.sleep(60)

    with pytest.raises(Exception, match="stopped reading"):
        await Edge(stream, EdgeOptions(request_timeout=0.1, stall_timeout=0.1))(dict(SCOPE), receive, send)
    labels = {"route": "unmatched"}
    assert registry.get_sample_value("http_responses_failed_total", labels) is None
