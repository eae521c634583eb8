"""Shared rates: all workers count together in PostgreSQL, and each by itself while that does not answer."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace

import httpx2
import pytest
from inside.jobs import queue
from inside.pools import Make, borrow_all
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from service.kit import web
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.edge.edge import Edge
from service.kit.web import rates
from service.kit.web.routes import PUBLIC, Rate, Routes, Slice
from service.kit.work import metrics
from service.kit.work.metrics import Metrics

from tests.kit.fixtures import open_client

MOVE_CLOCK = Query(
    "update kit.rates set whole_at = whole_at - make_interval(secs => $1) returning true", bool, tuple[float]
)
USE_HALF = Query("update kit.rates set whole_at = clock_timestamp() + interval '300 s' returning true", bool)
IS_WAITING = Query(
    """
    select exists (
           select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    )
    """,
    bool,
)
COUNT = Query("select count(*)::int from kit.rates", int)
COUNT_EXPIRED = Query("select count(*)::int from kit.rates where whole_at <= now()", int)
INSERT_EXPIRED = Query(
    """
    insert into kit.rates (digest, whole_at)
    select int4send(number), now() - interval '2 hours' from generate_series(1, $1) as number
    returning true
    """,
    bool,
    tuple[int],
)


async def hello() -> str:
    return "hello"


def build(db: Database, requests: int = 4, per: float = 600) -> Edge:
    routes = Routes("/", access=PUBLIC, limit=Rate(requests, per, shared=True))
    routes.get("/a")(hello)
    routes.post("/a")(hello)
    routes.get("/b", limit=Rate(1, per, shared=True))(hello)
    return Edge(web.build([Slice(routes)], provide=[db]))


@asynccontextmanager
async def open_instances(make: Make, count: int, requests: int = 4) -> AsyncGenerator[list[httpx2.AsyncClient]]:
    """Open the application as several workers do, each with a pool of its own, and yield a client of each."""
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(make()) for _ in range(count)]
        yield [await stack.enter_async_context(open_client(build(db, requests))) for db in pools]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Generator[CollectorRegistry]:
    registry = CollectorRegistry()
    own = Metrics(registry)
    with monkeypatch.context() as patch:
        patch.setattr(metrics, "get_metrics", lambda: own)
        yield registry


def count_unshared(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("http_rates_unshared_total")


async def test_all_instances_count_one_rate(make: Make, registry: CollectorRegistry):
    async with open_instances(make, 3) as (first, second, third):
        statuses = [(await client.get("/a")).status_code for client in (first, second, first)]
        statuses.append((await second.post("/a")).status_code)
        assert statuses == [200, 200, 200, 201]
        refused = [await client.get("/a") for client in (first, second, third)]
    assert [response.status_code for response in refused] == [429] * 3, "each instance counts for itself"
    for response in refused:
        assert response.headers["content-type"] == "application/problem+json"
        seconds = response.headers["retry-after"]
        assert 140 < int(seconds) <= 150
        assert response.json()["type"] == "urn:problem:too-many-requests"
        detail = f"4 requests in 600 seconds are allowed here. Try again in {seconds} seconds."
        assert response.json()["detail"] == detail
    assert registry.get_sample_value("http_requests_limited_total", {"route": "/a"}) == 3
    assert count_unshared(registry) == 0


async def test_callers_and_rates_are_counted_apart(make: Make):
    async with open_instances(make, 2) as (first, second):
        assert [(await client.get("/b")).status_code for client in (first, second)] == [200, 429]
        assert (await second.get("/a")).status_code == 200
        assert (await second.get("/b", headers={"x-forwarded-for": "203.0.113.9"})).status_code == 200


@pytest.mark.parametrize("requests", [1, 7, 20])
async def test_concurrent_requests_never_pass_more_than_the_rate(make: Make, requests: int):
    async with open_instances(make, 3, requests) as clients:
        for number in range(5):
            headers = {"x-forwarded-for": f"203.0.113.{number}"}
            asked = [client.get("/a", headers=headers) for _ in range(8) for client in clients]
            statuses = Counter(response.status_code for response in await asyncio.gather(*asked))
            assert statuses == {200: requests, 429: 24 - requests}, "all instances together pass the rate"


async def test_a_request_that_waits_for_its_row_counts_as_later_than_those_before_it(make: Make, db: Database):
    async with open_instances(make, 1, requests=2) as (client,):
        await client.get("/a")
        async with db.transaction() as connection:
            await connection.fetch_one(MOVE_CLOCK, 300)
            asking = asyncio.create_task(client.get("/a"))
            await queue.wait_until(lambda: db.fetch_one(IS_WAITING))
            await connection.fetch_one(USE_HALF)
        assert (await asking).status_code == 200


async def test_requests_come_back_one_by_one(make: Make, db: Database):
    async with open_instances(make, 1) as (client,):
        assert [(await client.get("/a")).status_code for _ in range(5)] == [200] * 4 + [429]
    for seconds, passed in ((140, 0), (20, 1), (300, 2), (1000, 4)):
        assert await db.fetch_one(MOVE_CLOCK, seconds)
        async with open_instances(make, 1) as (client,):
            statuses = [(await client.get("/a")).status_code for _ in range(5)]
        assert statuses == [200] * passed + [429] * (5 - passed)


async def test_an_instance_that_was_told_refuses_without_asking_again(make: Make, registry: CollectorRegistry):
    async with make() as db, open_client(build(db)) as told, open_instances(make, 1) as (other,):
        assert [(await other.get("/a")).status_code for _ in range(4)] == [200] * 4
        assert (await told.get("/a")).status_code == 429
        async with db.connection(), db.connection():
            assert {(await told.get("/a")).status_code for _ in range(5)} == {429}, "each costs a statement"
        await borrow_all(db)
    assert count_unshared(registry) == 0


async def test_what_all_refused_is_not_held_against_a_caller(make: Make, db: Database, monkeypatch: pytest.MonkeyPatch):
    async with open_instances(make, 2) as (first, second):
        assert [(await first.get("/a")).status_code for _ in range(4)] == [200] * 4
        assert {(await second.get("/a")).status_code for _ in range(9)} == {429}
        assert await db.fetch_one(MOVE_CLOCK, 600)
        later = time.monotonic() + 600
        monkeypatch.setattr(rates, "time", SimpleNamespace(monotonic=lambda: later))
        assert [(await second.get("/a")).status_code for _ in range(5)] == [200] * 4 + [429]


async def test_a_worker_counts_alone_while_no_connection_is_free(make: Make, registry: CollectorRegistry):
    async with make(acquire_timeout=0.05) as db, open_client(build(db)) as client:
        async with db.connection(), db.connection():
            assert [(await client.get("/a")).status_code for _ in range(5)] == [200] * 4 + [429]
        assert count_unshared(registry) == 4
        assert (await client.get("/b")).status_code == 200
    assert count_unshared(registry) == 4


async def test_a_worker_counts_alone_while_postgresql_is_away(make: Make, registry: CollectorRegistry):
    away = make(url=SecretStr("postgresql://postgres@127.0.0.1:1/nowhere"))
    async with away as db, open_client(build(db)) as client:
        assert [(await client.get("/b")).status_code for _ in range(2)] == [200, 429]
    assert count_unshared(registry) == 1


async def test_a_count_that_hangs_holds_no_request_up(
    make: Make, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rates, "MAX_WAIT", 0.1)
    async with make(lock_timeout=30, statement_timeout=40, command_timeout=50) as db, open_client(build(db)) as client:
        assert (await client.get("/a")).status_code == 200
        async with make() as other, other.transaction() as connection:
            await connection.fetch_one(MOVE_CLOCK, 0)
            asking = asyncio.create_task(client.get("/a"))
            await asyncio.wait([asking], timeout=3)
            assert asking.done(), "a request waits for the count"
            assert asking.result().status_code == 200
        assert count_unshared(registry) == 1
        await borrow_all(db)


async def test_old_rows_are_deleted_by_the_requests_that_follow(make: Make, db: Database):
    await db.fetch(INSERT_EXPIRED, 25)
    async with open_instances(make, 1) as (client,):
        for left in (15, 5, 0, 0):
            assert (await client.get("/a")).status_code == 200
            assert await db.fetch_one(COUNT_EXPIRED) == left
    assert await db.fetch_one(COUNT) == 1


def test_a_shared_rate_needs_a_database():
    routes = Routes("/notes", access=PUBLIC, limit=Rate(1, 60, shared=True))
    routes.get("")(hello)
    with pytest.raises(TypeError, match=r"GET /notes has a shared rate: give .* a `Database`"):
        web.build([Slice(routes)])
