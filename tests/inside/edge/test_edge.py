import asyncio
import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from service.kit.edge import edge as edge_module
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.work import asgi, limits, responses
from service.kit.work.problems import busy, invalid
from structlog.testing import capture_logs


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    match scope["path"]:
        case "/fine" | "/livez":
            await responses.respond(send, 200, b"fine", b"text/plain")
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
        case "/slow":
            await asyncio.sleep(60)
        case "/measured":
            with limits.Span("database"):
                await asyncio.sleep(0.002)
            await responses.respond(
                send, 200, str(limits.time_left(60)).encode(), b"text/plain", {b"cache-control": b"private"}
            )
        case "/body":
            while (await receive()).get("more_body"):
                pass
            await responses.respond(send, 200, b"read", b"text/plain")


def ask(path: str, request_id: bytes = b"") -> httpx2.Request:
    return httpx2.Request("GET", f"http://service.test{path}", headers=[(b"x-request-id", request_id)])


async def send(request: httpx2.Request, edge: Edge | None = None) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge or Edge(answer))) as client:
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


async def test_a_response_is_protected_unless_the_handler_knows_better():
    response = await send(httpx2.Request("POST", "http://service.test/fine"))
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert (await send(ask("/measured"))).headers.get_list("cache-control") == ["private"]


async def test_a_request_past_its_deadline_is_answered_with_504():
    response = await send(ask("/slow"), Edge(answer, EdgeOptions(request_timeout=0.05)))
    assert response.status_code == 504
    assert response.json()["type"] == "urn:problem:timeout"


async def test_the_deadline_is_known_inside_and_gone_outside():
    response = await send(ask("/measured"), Edge(answer, EdgeOptions(request_timeout=7)))
    assert 6 < float(response.text) <= 7
    assert limits.time_left(60) == 60


async def test_one_request_too_many_is_refused_at_once_and_the_others_are_not():
    edge = Edge(answer, EdgeOptions(concurrency=2, request_timeout=0.5))
    slow = [asyncio.ensure_future(send(ask("/slow"), edge)) for _ in range(2)]
    await asyncio.sleep(0.05)
    request = ask("/fine")
    request.headers["x-request-id"] = "given"
    refused = await send(request, edge)
    assert refused.status_code == 503, "one request too many was let in"
    assert refused.json()["type"] == "urn:problem:busy"
    assert refused.json()["request_id"] == refused.headers["x-request-id"] == "given"
    assert (refused.headers["retry-after"], refused.headers["cache-control"]) == ("1", "no-store")
    assert [response.status_code for response in await asyncio.gather(*slow)] == [504, 504]
    assert (await send(ask("/fine"), edge)).status_code == 200
    assert edge.admission.running == 0


async def test_probes_are_answered_under_overload_and_for_any_host():
    edge = Edge(answer, EdgeOptions(concurrency=1, hosts="api.example.com"))
    edge.admission.running = 1
    assert (await send(ask("/livez"), edge)).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example.com", 200),
        ("API.example.com:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example.com", 400),
        ("", 400),
    ],
)
async def test_a_request_for_another_host_is_refused(host: str, status: int):
    request = ask("/fine")
    request.headers["host"] = host
    response = await send(request, Edge(answer, EdgeOptions(hosts="api.example.com, [::1]")))
    assert response.status_code == status


@pytest.mark.parametrize(("hosts", "status"), [("api.example.com,", 400), (" , ", 200)])
async def test_an_empty_name_among_the_hosts_is_none(hosts: str, status: int):
    request = ask("/fine")
    request.headers["host"] = ":80"
    response = await send(request, Edge(answer, EdgeOptions(hosts=hosts)))
    assert response.status_code == status


async def test_a_request_without_a_host_is_refused():
    request = ask("/fine")
    request.headers["host"] = ""
    assert (await send(request)).status_code == 400


async def test_server_timing_is_sent_only_when_it_is_turned_on():
    told = (await send(ask("/measured"), Edge(answer, EdgeOptions(timing=True)))).headers["server-timing"]
    spans = {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([\d.]+)", told)}
    assert list(spans) == ["database", "handler", "waiting", "cpu", "total"]
    assert spans["database"] >= 2
    assert spans["database"] + spans["handler"] + spans["waiting"] == pytest.approx(spans["total"], abs=0.01)
    assert 'desc="statements: 1"' in told
    assert "server-timing" not in (await send(ask("/measured"))).headers


async def test_a_body_that_is_too_large_or_too_slow_or_encoded_is_refused():
    async def drip() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    edge = Edge(answer, EdgeOptions(body_bytes=10, body_grace=0.05))
    for body, status in ((b"x" * 10, 200), (b"x" * 11, 413), (drip(), 408)):
        assert (
            await send(httpx2.Request("POST", "http://service.test/body", content=body), edge)
        ).status_code == status
    encoded = httpx2.Request("POST", "http://service.test/body", content=b"x", headers={"content-encoding": "gzip"})
    assert (await send(encoded, edge)).status_code == 415


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_ours(capsys: pytest.CaptureFixture[str]):
    messages = iter([{"type": "http.request", "body": b"x", "more_body": True}])
    scope = {"type": "http", "method": "POST", "path": "/body", "http_version": "1.1", "headers": []}
    scope["headers"] = [(b"host", b"a"), (b"transfer-encoding", b"chunked")]

    async def receive() -> asgi.Message:
        return next(messages, {"type": "http.disconnect"})

    async def ignore(_: asgi.Message) -> None:
        """Nobody is there any more."""

    edge = Edge(answer)
    await edge(scope | {"query_string": b"", "client": None}, receive, ignore)
    edge.access_log.flush()
    printed = capsys.readouterr().out
    assert "status=400" in printed or '"status":400' in printed


async def test_a_flood_of_refusals_is_one_line_in_the_log(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(edge_module, "REPORT_SECONDS", 0.05)
    edge = Edge(answer, EdgeOptions(concurrency=1))
    edge.admission.running = 1
    with capture_logs() as lines:
        for _ in range(30):
            await send(ask("/fine"), edge)
        await asyncio.sleep(0.1)
    assert [(line["event"], line["log_level"]) for line in lines] == [("requests refused", "warning")] * len(lines)
    assert sum(line["count"] for line in lines) == 30
    assert len(lines) < 10
