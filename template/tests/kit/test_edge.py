# kit: updated by the template
import httpx
import pytest

from service.kit import asgi
from service.kit.edge import Edge
from service.kit.problems import busy, invalid


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    match scope["path"]:
        case "/fine":
            await asgi.respond(send, 200, b"fine", b"text/plain", [])
        case "/problem":
            raise invalid("colour", "it must be red")
        case "/bug":
            raise RuntimeError("the secret is 1234")
        case "/lost":
            raise busy("The database is away.") from OSError("connection reset by test")
        case "/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise RuntimeError("too late")


def ask(path: str, request_id: bytes = b"") -> httpx.Request:
    return httpx.Request("GET", f"http://service.test{path}", headers=[(b"x-request-id", request_id)])


async def send(request: httpx.Request) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Edge(answer))) as client:
        return await client.send(request)


async def test_an_acceptable_request_id_is_kept():
    response = await send(ask("/fine", request_id=b"order-17_A"))
    assert response.headers["x-request-id"] == "order-17_A"


@pytest.mark.parametrize("given", ["", "a b", "a\nb", "x" * 65, "<script>", "é"])
async def test_another_request_id_is_replaced(given: str):
    request = ask("/fine", given.encode())
    first, second = [(await send(request)).headers["x-request-id"] for _ in range(2)]
    assert first != second
    assert first.isalnum()
    assert len(first) == 32


async def test_a_problem_carries_the_request_id():
    response = await send(ask("/problem", request_id=b"abc"))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.pop("title").startswith("Unprocessable")  # the standard library renamed it between versions
    assert body == {
        "type": "urn:problem:invalid",
        "status": 422,
        "detail": "colour: it must be red",
        "request_id": "abc",
        "errors": [{"field": "colour", "detail": "it must be red"}],
    }


async def test_a_bug_is_a_500_that_shows_nothing_and_a_log_that_shows_all(capsys: pytest.CaptureFixture[str]):
    response = await send(ask("/bug", request_id=b"abc"))
    assert response.status_code == 500
    assert response.json()["request_id"] == "abc"
    assert "1234" not in response.text
    logged = capsys.readouterr().out
    assert "the secret is 1234" in logged
    assert "abc" in logged


async def test_a_problem_of_ours_is_logged_with_its_cause(capsys: pytest.CaptureFixture[str]):
    assert (await send(ask("/lost"))).status_code == 503
    assert "connection reset by test" in capsys.readouterr().out


async def test_a_response_that_fails_half_way_is_cut():
    with pytest.raises(RuntimeError, match="too late"):
        await send(ask("/late"))
