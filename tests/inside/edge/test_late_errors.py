"""Errors after the start of a response: too late for another answer, and in the log and the counts all the same."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from inside.messages import Answer, ask, make_scope, receive
from prometheus_client import CollectorRegistry
from service.kit.edge.edge import Edge
from service.kit.work import asgi, metrics
from service.kit.work.problems import busy
from structlog.testing import capture_logs

type GoOn = Callable[[asgi.Send], Awaitable[None]]

WHOLE = {"type": "http.response.body", "body": b"all of it"}
ROW = {"type": "http.response.body", "body": b"row", "more_body": True}


def make_edge(go_on: GoOn) -> Edge:
    """Return an application that starts a response, and goes on in some way."""

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        scope["path_template"] = "/rows"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await go_on(send)

    return Edge(app)


async def fail_after_the_body(send: asgi.Send) -> None:
    await send(WHOLE)
    raise LookupError("after the response")


async def fail_to_tidy_up(send: asgi.Send) -> None:
    try:
        await send(ROW)
    finally:
        raise LookupError("while the response ended")


async def fail_beside_the_body(send: asgi.Send) -> None:
    async def fail_in_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("beside the response")

    async with asyncio.TaskGroup() as group:
        beside = group.create_task(fail_in_the_end())
        await asyncio.sleep(0)
        await send(ROW)
        beside.cancel()


async def refuse_too_late(send: asgi.Send) -> None:
    await send(WHOLE)
    raise busy("The database is away.")


LATE = [fail_after_the_body, fail_to_tidy_up, fail_beside_the_body, refuse_too_late]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("go_on", LATE)
async def test_an_error_after_the_start_is_logged_and_counted(
    go_on: GoOn, method: str, monkeypatch: pytest.MonkeyPatch
):
    registry = CollectorRegistry()
    own = metrics.Metrics(registry)
    monkeypatch.setattr(metrics, "get_metrics", lambda: own)
    answer, edge = Answer(), make_edge(go_on)
    with capture_logs() as logs:
        with pytest.raises(Exception, match=r"response|database|TaskGroup"):
            await edge(make_scope((), method), receive, answer.take)
        edge.access_log.flush()
    assert answer.status == 200
    assert registry.get_sample_value("http_responses_failed_total", {"route": "/rows"}) == 1
    told = [line for line in logs if line["event"] == "request failed" or "detail" in line]
    assert len(told) == 1


async def stream_as_another_error(send: asgi.Send) -> None:
    try:
        await send(ROW)
    except Exception as error:
        raise OSError("the client has gone") from error


async def stream_in_a_group(send: asgi.Send) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(stream_as_another_error(send))


@pytest.mark.parametrize("go_on", [stream_as_another_error, stream_in_a_group])
async def test_what_ends_the_body_of_head_is_no_error_whatever_becomes_of_it(go_on: GoOn):
    with capture_logs() as logs:
        answer = await ask(make_edge(go_on), method="HEAD")
    assert (answer.status, answer.raw, answer.is_complete) == (200, b"", True)
    assert not [line for line in logs if line["event"] == "request failed"]
