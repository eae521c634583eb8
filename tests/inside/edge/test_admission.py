"""Requests take a place when they are complete; until then, their bodies are bounded by themselves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from inside.messages import Answer, ask, make_scope, receive
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.work import asgi, problems, responses

BODY = (("content-length", "9"),)


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    """Read the body and send it back."""
    message = await receive()
    assert not message["more_body"], "a body is handed over whole"
    await responses.respond(send, 200, message["body"], b"text/plain")


def send_slowly(first: bytes, go_on: asyncio.Event) -> asgi.Receive:
    """Return the `receive` of a client that sends the rest when it may."""
    sent: list[bytes] = []

    async def receive_slowly() -> asgi.Message:
        if sent:
            await go_on.wait()
        sent.append(b"rest" if sent else first)
        return {"type": "http.request", "body": sent[-1], "more_body": len(sent) == 1}

    return receive_slowly


@asynccontextmanager
async def slow_clients(edge: Edge, number: int, first: bytes = b"x") -> AsyncGenerator[list[Answer]]:
    """Let so many clients send their first bytes, and at the end of the block the rest."""
    answers, go_on = [Answer() for _ in range(number)], asyncio.Event()
    tasks = [
        asyncio.create_task(edge(make_scope(BODY, "POST"), send_slowly(first, go_on), answer.take))
        for answer in answers
    ]
    await asyncio.sleep(0.01)
    yield answers
    go_on.set()
    await asyncio.gather(*tasks)


async def test_bodies_that_are_still_arriving_take_no_slot():
    edge = Edge(answer, EdgeOptions(concurrency=2, receiving=50))
    async with slow_clients(edge, 50) as answers:
        assert (edge.admission.running, len(edge.bodies.arriving)) == (0, 50)
        assert [(await ask(edge)).status for _ in range(5)] == [200] * 5
        assert (await ask(edge, path="/livez")).status == 200
    assert (edge.bodies.arriving, edge.admission.running) == ({}, 0)
    assert {answer.body for answer in answers} == {b"xrest"}


async def test_when_too_many_bodies_are_arriving_the_oldest_is_given_up():
    edge = Edge(answer, EdgeOptions(receiving=2))
    async with slow_clients(edge, 3) as answers:
        assert [answer.status if answer.messages else None for answer in answers] == [408, None, None]
        assert (await ask(edge)).status == 200
    assert [answer.status for answer in answers] == [408, 200, 200]


async def test_bodies_that_are_arriving_hold_little_memory_in_sum():
    edge = Edge(answer, EdgeOptions(concurrency=2, body_bytes=13))
    async with slow_clients(edge, 5, b"x" * 9) as answers:
        assert sum(edge.bodies.arriving.values()) <= 26
    assert [answer.status for answer in answers] == [408, 408, 408, 200, 200]


async def test_after_its_body_a_request_hears_from_the_server():
    messages = [{"type": "http.request", "body": b"123456789", "more_body": False}, {"type": "http.disconnect"}]
    heard = []

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        heard.extend([await receive(), await receive()])

    async def hear() -> asgi.Message:
        return messages.pop(0)

    await Edge(app)(make_scope(BODY, "POST"), hear, Answer().take)
    assert [message["type"] for message in heard] == ["http.request", "http.disconnect"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_without_a_body_an_application_has_the_server_s_own_receive(method: str):
    given = []

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        given.append(receive)

    await ask(Edge(app), method=method)
    assert given == [receive]


async def test_a_request_for_two_hosts_is_refused():
    assert (await ask(Edge(answer), ("host", "other.test"))).status == 400


async def test_a_cancellation_from_outside_is_no_timeout_and_says_that_the_service_restarts():
    answer = Answer()

    async def wait(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(Edge(wait)(make_scope(()), receive, answer.take))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert answer.messages[0]["status"] == 503
    assert b"The service restarts" in answer.messages[1]["body"]


async def test_several_cookies_stay_several():
    cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": cookies})
        await send({"type": "http.response.body", "body": b""})

    sent = Answer()
    await Edge(app)(make_scope(()), receive, sent.take)
    assert [pair for pair in sent.messages[0]["headers"] if pair[0] == b"set-cookie"] == cookies


async def test_a_problem_echoes_only_a_little_of_its_input():
    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        raise problems.Problem(422, "invalid", "x" * 10**6, *[problems.InvalidField("y" * 1000, "z" * 1000)] * 1000)

    assert len((await ask(Edge(app))).raw) < 150_000
