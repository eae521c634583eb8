"""Calls to other services: whatever a peer does, a call ends in time, holds little, and says what to do next."""

import asyncio
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from inside import peers
from inside.peers import Behaviour
from prometheus_client import CollectorRegistry
from service.kit import web
from service.kit.calls.client import make_client
from service.kit.calls.options import ClientOptions
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import context, metrics
from service.kit.work.metrics import Metrics
from service.kit.work.problems import Problem
from structlog.testing import capture_logs

from tests.kit.fixtures import open_client

QUICK = ClientOptions(timeout=0.4, connect_timeout=0.2)
PATIENT = 60.0
"""Longer than any test may take: what ends a test earlier is the bound that it is about."""
FAULTS: dict[str, tuple[Behaviour, int]] = {
    "says nothing": (peers.say_nothing, 504),
    "stops after the headers": (peers.send_headers_only, 504),
    "trickles": (peers.trickle, 504),
    "resets": (peers.reset, 502),
    "closes early": (peers.close_early, 502),
    "talks nonsense": (peers.talk_nonsense, 502),
    "answers 503": (peers.answer(503, b"", "retry-after: 3600"), 502),
    "answers 500": (peers.answer(500), 502),
    "sends a gigabyte": (peers.send_a_gigabyte, 502),
    "sends a bomb": (peers.answer_compressed(20_000_000), 502),
}


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    made = CollectorRegistry()
    own = Metrics(made)
    monkeypatch.setattr(metrics, "get_metrics", lambda: own)
    return made


@pytest_asyncio.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    async with make_client(ClientOptions(timeout=PATIENT)) as client:
        yield client


def count(registry: CollectorRegistry, url: str, outcome: str) -> float:
    host = url.partition("//")[2]
    return registry.get_sample_value("client_call_duration_seconds_count", {"host": host, "outcome": outcome}) or 0


async def ask(client: httpx2.AsyncClient, url: str, method: str = "GET", **options: Any) -> int:
    """Return the status of the answer, or of the problem."""
    try:
        return (await client.request(method, url, **options)).status_code
    except Problem as problem:
        return problem.status


def build(client: httpx2.AsyncClient, url: str, seconds: float = 10) -> Edge:
    """Return a service whose only route asks a peer."""
    routes = Routes("/", access=PUBLIC)

    @routes.get("/")
    async def relay(peer: httpx2.AsyncClient) -> str:
        return (await peer.get(url)).raise_for_status().text

    app = web.build([Slice(routes)], provide=[client], resources=[client])
    return Edge(app, EdgeOptions(request_timeout=seconds))


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_peer_becomes_a_problem_that_says_what_to_do_and_names_no_host(fault: str):
    behaviour, status = FAULTS[fault]
    options = QUICK if status == 504 else ClientOptions(timeout=PATIENT)
    async with (
        peers.run(behaviour) as peer,
        open_client(build(make_client(options), peer.url, PATIENT)) as caller,
        asyncio.timeout(PATIENT),
    ):
        told = await caller.get("/")
    assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")
    assert told.json()["type"] == f"urn:problem:peer-{'late' if status == 504 else 'failed'}"
    assert re.fullmatch(r"Another service .+\. Check .+ before retrying\.", told.json()["detail"])
    assert "127.0.0.1" not in told.text
    assert peer.sent < 50_000_000, "most of the gigabyte was never read"


@pytest.mark.faults
async def test_a_peer_that_does_not_accept_and_one_that_is_gone_cost_no_more_than_the_time_to_connect():
    options = ClientOptions(timeout=PATIENT, connect_timeout=0.1)
    async with make_client(options) as client, asyncio.timeout(PATIENT / 2):
        with peers.run_without_accepting() as peer:
            assert await ask(client, peer.url) == 504
        with peers.run_nothing() as peer:
            assert await ask(client, peer.url) == 502


@pytest.mark.faults
@pytest.mark.parametrize("behaviour", [peers.say_nothing, peers.send_headers_only, peers.trickle])
async def test_no_call_outlasts_the_request_or_job_that_it_is_for(behaviour: Behaviour):
    async with peers.run(behaviour) as peer, make_client(ClientOptions(timeout=PATIENT)) as client:
        context.begin_work(seconds=0.3)
        async with asyncio.timeout(PATIENT / 2):
            assert await ask(client, peer.url) == 504
            assert await ask(client, peer.url, timeout=None) == 504
    async with peers.run(behaviour) as peer:
        patient = make_client(ClientOptions(timeout=PATIENT))
        async with open_client(build(patient, peer.url, seconds=0.3)) as caller, asyncio.timeout(PATIENT / 2):
            assert (await caller.get("/")).status_code == 504


async def test_a_call_by_a_proxy_is_bounded_too_and_a_proxy_that_refuses_is_a_problem():
    async with peers.run(peers.answer(407)) as proxy, make_client(proxy=proxy.url) as client:
        assert await ask(client, "https://service.test/") == 502
        assert proxy.requests[0].startswith(b"CONNECT service.test:443 ")
    async with peers.run(peers.trickle) as proxy, make_client(QUICK, proxy=proxy.url) as client:
        assert await ask(client, "http://service.test/") == 504


def test_a_service_that_calls_nobody_does_not_import_the_client():
    program = "import sys, service.app; print([it for it in sys.modules if it.startswith('httpx2')])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


async def test_a_status_below_500_is_for_the_handler_to_judge(client: httpx2.AsyncClient):
    async with peers.run(peers.answer(404)) as peer:
        assert await ask(client, peer.url) == 404
        async with open_client(build(make_client(), peer.url)) as caller:
            told = await caller.get("/")
    assert (told.status_code, "127.0.0.1" in told.text) == (500, False)


async def test_a_name_that_does_not_exist_fails_and_the_log_names_it(monkeypatch: pytest.MonkeyPatch):
    def look_up(*_: object) -> None:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with make_client(ClientOptions(retries=0)) as client:
        with capture_logs() as lines:
            assert await ask(client, "http://absent.test/secret") == 502
    assert [(line["event"], line["host"], "secret" in str(line)) for line in lines] == [
        ("call failed", "absent.test", False)
    ]


async def test_proxies_and_passwords_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with peers.run_nothing() as nobody:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, nobody.url)
        async with make_client() as client, peers.run(peers.answer()) as peer:
            assert await ask(client, peer.url) == 200
    assert b"authorization" not in peer.requests[0].lower()


async def test_the_timeout_of_a_call_bounds_the_whole_of_it():
    async with peers.run(peers.trickle) as peer, make_client(ClientOptions(timeout=PATIENT)) as client:
        async with asyncio.timeout(PATIENT / 2):
            assert await ask(client, peer.url, timeout=0.3) == 504


async def test_what_fails_can_be_caught_as_httpx_documents_it(client: httpx2.AsyncClient):
    async with peers.run(peers.reset) as peer:
        with pytest.raises(httpx2.TransportError) as caught:
            await client.get(peer.url)
    assert caught.value.request.url == peer.url


@pytest.mark.parametrize(
    ("method", "options", "attempts"),
    [
        *((method, {}, 3) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")),
        ("POST", {"json": [1], "headers": {"idempotency-key": "a key"}}, 3),
        ("POST", {"json": [1]}, 1),
        ("PATCH", {"json": [1]}, 1),
    ],
)
@pytest.mark.parametrize("fault", [peers.reset, *(peers.answer(status) for status in (429, 502, 503, 504))])
async def test_only_what_may_be_repeated_is_and_only_so_often(
    client: httpx2.AsyncClient, method: str, options: dict[str, Any], attempts: int, fault: Behaviour
):
    async with peers.run(fault) as peer:
        assert await ask(client, peer.url, method, **options) == 502
    assert len(peer.requests) == attempts


@pytest.mark.parametrize(("headers", "least"), [(["retry-after: 7"], 7), ([], 0)])
async def test_the_pauses_double_are_random_and_no_shorter_than_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, headers: list[str], least: float
):
    pauses, sleep = [], asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async with (
        make_client(ClientOptions(timeout=PATIENT, retries=5)) as client,
        peers.run(peers.answer(503, b"", *headers)) as peer,
    ):
        monkeypatch.setattr(asyncio, "sleep", note)
        random.seed(1)
        assert await ask(client, peer.url) == 502
    if least:
        assert pauses == [least] * 5
    else:
        assert all(0 < pause <= 0.1 * 2**number for number, pause in enumerate(pauses))
        assert len(set(pauses)) == 5
        assert max(pauses) > 0.4


async def test_a_repeated_call_succeeds_and_the_retries_are_counted(
    client: httpx2.AsyncClient, registry: CollectorRegistry
):
    async with peers.run(peers.reset, peers.answer(503, b"", "retry-after: 0"), peers.answer()) as peer:
        assert (await client.put(peer.url, json={"whole": "body"})).text == "hello"
    assert len(peer.requests) == 3
    host = {"host": peer.url.partition("//")[2]}
    assert registry.get_sample_value("client_call_retries_total", host) == 2
    assert count(registry, peer.url, "2xx") == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        peers.answer(503, b"", "retry-after: 3600"),
        peers.answer(503, b"", "retry-after: Wed, 21 Oct 2026 07:28:00 GMT"),
        *(peers.answer(503, b"", f"retry-after: {asked}") for asked in ("²", "\u0661", "-1")),
        peers.answer(503, b"", "retry-after: 1", "retry-after: 2"),
        peers.answer(500),
    ],
)
async def test_nothing_is_repeated_after_the_deadline_or_where_it_cannot_help(
    client: httpx2.AsyncClient, behaviour: Behaviour
):
    async with peers.run(behaviour) as peer, asyncio.timeout(PATIENT / 2):
        assert await ask(client, peer.url) == 502
    assert len(peer.requests) == 1


async def test_a_body_that_can_be_read_only_once_is_sent_once(client: httpx2.AsyncClient):
    async def read_once() -> AsyncIterator[bytes]:
        yield b"piece"

    async with peers.run(peers.reset) as peer:
        assert await ask(client, peer.url, "PUT", content=read_once()) == 502
    assert len(peer.requests) == 1


async def test_what_was_never_sent_may_be_repeated_whatever_it_is(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    failing, find = [socket.gaierror("away"), socket.gaierror("away")], socket.getaddrinfo

    def look_up(host: str, *rest: Any, **options: Any) -> Any:
        if failing:
            raise failing.pop()
        return find(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with peers.run(peers.answer()) as peer:
        assert await ask(client, peer.url, "POST", json=[1]) == 200
    assert len(peer.requests) == 1


async def test_a_peer_is_told_the_request_id(client: httpx2.AsyncClient):
    context.begin_work("request-7", 10)
    async with peers.run(peers.answer()) as peer:
        await client.get(peer.url)
        await client.get(peer.url, headers={"X-Request-Id": "my own"})
    told = [re.findall(rb"x-request-id: (.*)\r\n", request, re.IGNORECASE) for request in peer.requests]
    assert told == [[b"request-7"], [b"my own"]]


async def test_an_answer_is_unpacked_and_bounded_by_what_it_unpacks_to():
    async with (
        make_client(ClientOptions(answer_bytes=1000)) as client,
        peers.run(peers.answer_compressed(1000)) as peer,
    ):
        response = await client.get(peer.url)
        assert (response.text, "content-encoding" in response.headers) == ("x" * 1000, False)
    async with make_client(ClientOptions(answer_bytes=999)) as client, peers.run(peers.answer_compressed(1000)) as peer:
        assert await ask(client, peer.url) == 502


async def test_a_host_has_so_many_calls_at_once_and_others_are_not_concerned(registry: CollectorRegistry):
    options = ClientOptions(timeout=PATIENT, connections=2, waiters=1, wait=0.2)
    async with make_client(options) as client, peers.run(peers.say_nothing) as stuck, peers.run(peers.answer()) as well:
        held = [asyncio.create_task(ask(client, stuck.url)) for _ in range(2)]
        while len(stuck.requests) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(client.get(stuck.url))
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="Too many calls") as refused:
            await client.get(stuck.url)
        assert (refused.value.status, refused.value.headers) == (503, {"retry-after": "1"})
        assert await ask(client, well.url) == 200
        with pytest.raises(Problem, match="Too many calls"):
            await waiting
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        with pytest.raises(httpx2.TransportError):
            await client.get(stuck.url, timeout=0.2)
    assert [count(registry, stuck.url, outcome) for outcome in ("refused", "cancelled", "late")] == [2, 2, 1]
    assert registry.get_sample_value("http_requests_refused_total", {"reason": "client"}) == 2


@pytest.mark.parametrize(
    "behaviour", [peers.reset, peers.close_early, peers.trickle, peers.answer(404), peers.answer()]
)
async def test_every_call_gives_its_place_back(behaviour: Behaviour, registry: CollectorRegistry):
    options = ClientOptions(timeout=0.2, connections=1, waiters=0, retries=0)
    async with make_client(options) as client, peers.run(behaviour) as peer:
        for _ in range(5):
            assert await ask(client, peer.url) != 503
        async with client.stream("GET", peer.url) if behaviour in (peers.trickle, peers.close_early) else peers.run():
            pass  # closed before it was read
        assert await ask(client, peer.url) != 503
    assert count(registry, peer.url, "refused") == 0


async def test_hosts_beyond_the_limit_share_places_and_series(registry: CollectorRegistry):
    options = ClientOptions(hosts=2)
    async with make_client(options) as client:
        for number in range(5):
            async with peers.run(peers.answer()) as peer:
                await client.get(peer.url)
            assert count(registry, peer.url, "2xx") == (number < 2)
    assert count(registry, "//other", "2xx") == 3


@pytest.mark.faults
async def test_a_name_that_nobody_answers_for_keeps_neither_the_loop_nor_other_names(
    monkeypatch: pytest.MonkeyPatch,
):
    over, find, started = threading.Event(), socket.getaddrinfo, []

    def look_up(host: str, *rest: Any, **options: Any) -> Any:
        started.append(host)
        if host == "dead.test":
            over.wait(PATIENT)
        return find(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    options = ClientOptions(timeout=PATIENT, connections=30)
    try:
        async with make_client(options) as client, peers.run(peers.answer()) as peer, asyncio.timeout(PATIENT / 2):
            dead = [asyncio.create_task(ask(client, "http://dead.test/")) for _ in range(20)]
            assert await ask(client, peer.url) == 200
            assert await asyncio.gather(*dead) == [504] * 20
            assert started.count("dead.test") == 1, "all of them wait in one thread"
            assert await ask(client, peer.url.replace("127.0.0.1", "localhost")) == 200
    finally:
        over.set()


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path):
    certificate = peers.certify(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    async with peers.run(peers.answer(), certificate=certificate) as peer:
        async with make_client() as client:
            assert await ask(client, peer.url) == 502
        async with make_client(verify=trusting) as client:
            assert await ask(client, peer.url) == 200
