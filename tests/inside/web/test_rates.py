"""Rates: each caller may call a route so often, and no other caller, route or worker is concerned."""

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from service.kit import web
from service.kit.auth import keys
from service.kit.auth.bearer import Auth
from service.kit.auth.keys import IssuerOptions
from service.kit.edge.edge import Edge
from service.kit.web import rates
from service.kit.web.rates import RateLimit
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC, Rate, Routes, Slice
from service.kit.work import metrics
from service.kit.work.metrics import Metrics
from service.kit.work.problems import Problem
from starlette.responses import PlainTextResponse

from tests.kit.fixtures import open_client

OPTIONS = IssuerOptions(signing_key=SecretStr(keys.make_key()))
CAFE = {"x-forwarded-for": "203.0.113.9"}


class Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    return clock


def wait(counts: RateLimit, address: str = "198.51.100.7") -> int:
    """Return the seconds to wait, 0 when the request was taken."""
    try:
        counts.take({"client": (address, 1), "path_template": "/"}).send(None)
    except StopIteration:
        return 0
    except Problem as problem:
        return int(problem.headers["retry-after"])
    raise AssertionError("a count in this worker waits for nothing")


@pytest.mark.parametrize(("requests", "per"), [(1, 1), (3, 60), (7, 0.1), (100, 60), (1000, 86_400)])
def test_so_many_are_taken_at_once_and_then_one_after_the_other(clock: Clock, requests: int, per: float):
    counts = RateLimit(Rate(requests, per))
    assert not any(wait(counts) for _ in range(requests))
    for _ in range(3):
        seconds = wait(counts)
        assert 0 < seconds <= per / requests + 1
        clock.now += per / requests * 0.9
        assert wait(counts), "what was refused does not count, and it is too early"
        clock.now += per / requests * 0.1
        assert wait(counts) == 0
    clock.now += per
    assert not any(wait(counts) for _ in range(requests))


def test_whoever_waits_as_told_is_let_in(clock: Clock):
    counts = RateLimit(Rate(3, per=100))
    assert [wait(counts) for _ in range(4)] == [0, 0, 0, 34]
    clock.now += 34
    assert wait(counts) == 0


def test_so_many_callers_are_remembered_and_those_of_late_first(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates, "MAX_CALLERS", 100)
    counts = RateLimit(Rate(1, per=60))
    wait(counts)
    for number in range(1000):
        clock.now += 0.01
        wait(counts, f"10.0.{number // 250}.{number % 250}")
        assert wait(counts), "who keeps trying is not forgotten"
    assert len(counts.whole_at) == 100


@pytest.mark.parametrize(("requests", "per"), [(0, 60), (-1, 60), (1, 0)])
def test_a_rate_that_lets_nobody_in_is_refused(requests: int, per: float):
    with pytest.raises(ValueError, match="lets nobody in"):
        Rate(requests, per)


async def hello() -> str:
    return "hello"


def build() -> Edge:
    routes = Routes("/", access=PUBLIC, limit=Rate(3, per=600))
    routes.get("/a")(hello)
    routes.post("/a")(hello)
    routes.get("/b")(hello)
    routes.get("/mine", access=NEEDS_TOKEN, limit=Rate(2, per=600))(hello)
    routes.get("/free", limit=None)(hello)
    routes.mount("/files", PlainTextResponse("a file"), limit=Rate(1, per=600))
    return Edge(web.build([Slice(routes)], auth=Auth(OPTIONS)))


async def test_the_routes_of_a_rate_share_it_and_a_route_may_have_its_own_or_none():
    async with open_client(build()) as client:
        statuses = [(await client.get("/a")).status_code, (await client.post("/a")).status_code]
        statuses += [(await client.get(path)).status_code for path in ("/b", "/b", "/a")]
        assert statuses == [200, 201, 200, 429, 429]
        assert [(await client.get("/files/x")).status_code for _ in range(2)] == [200, 429]
        assert [(await client.get("/free")).status_code for _ in range(9)] == [200] * 9
        assert (await client.get("/a", headers=CAFE)).status_code == 200, "another address, behind the same proxy"


async def test_one_rate_at_several_places_counts_at_each_of_them_on_its_own():
    rate = Rate(1, per=600)
    notes, tags = [Routes(path, access=PUBLIC, limit=rate) for path in ("/notes", "/tags")]
    for routes in (notes, tags):
        routes.get("/shared")(hello)
        routes.post("/shared")(hello)
        routes.get("/first", limit=rate)(hello)
        routes.get("/second", limit=rate)(hello)
    async with open_client(Edge(web.build([Slice(notes), Slice(tags)]))) as client:
        for prefix in ("/notes", "/tags"):
            shared = await client.get(f"{prefix}/shared"), await client.post(f"{prefix}/shared")
            assert [response.status_code for response in shared] == [200, 429]
            for path in ("/first", "/second"):
                own = await client.get(prefix + path), await client.get(prefix + path)
                assert [response.status_code for response in own] == [200, 429]


async def test_a_caller_is_known_by_the_token_and_no_other_is_concerned():
    async with open_client(build()) as client:

        async def ask(subject: str, name: str = "x") -> httpx2.Response:
            return await client.get("/mine", headers={"authorization": f"Bearer {OPTIONS.sign(subject)}"})

        assert [(await ask("ada", name)).status_code for name in "xyz"] == [200, 200, 429]
        assert (await ask("grace")).status_code == 200
        assert (await client.get("/mine", headers={"authorization": "Bearer x"})).status_code == 401
        told = await ask("ada")
    assert (told.headers["content-type"], told.headers["retry-after"]) == ("application/problem+json", "300")
    assert told.json()["type"] == "urn:problem:too-many-requests"
    assert told.json()["detail"] == "2 requests in 600 seconds are allowed here. Try again in 300 seconds."


async def test_what_is_refused_is_counted_by_its_route(monkeypatch: pytest.MonkeyPatch):
    registry = CollectorRegistry()
    own = Metrics(registry)
    monkeypatch.setattr(metrics, "get_metrics", lambda: own)
    async with open_client(build()) as client:
        for _ in range(5):
            await client.get("/a")
    assert registry.get_sample_value("http_requests_limited_total", {"route": "/a"}) == 2
    assert registry.get_sample_value("http_requests_refused_total", {"reason": "admission"}) == 0
