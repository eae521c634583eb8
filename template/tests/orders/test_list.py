from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from itertools import pairwise

import httpx2
import pytest
import pytest_asyncio

from service.kit.db import Database
from service.orders.seed import SEED
from service.settings import Settings
from service_tools.dev.database import fill
from tests.kit.fixtures import fetch_all

ORDERS = 250
PATH = "/v1/orders"


@pytest_asyncio.fixture(autouse=True)
async def orders(settings: Settings) -> AsyncGenerator[None]:
    async with Database(settings.database) as db:
        await fill(db, SEED, ORDERS)
    yield


@pytest.mark.parametrize("limit", [1, 7, 50, 100])
async def test_the_pages_hold_every_order_once_and_in_order(client: httpx2.AsyncClient, limit: int):
    rows = await fetch_all(client, PATH, limit=limit)
    keys = [(row["created_at"], row["id"]) for row in rows]
    assert len({row["id"] for row in rows}) == ORDERS
    assert keys == sorted(keys, reverse=True)


async def test_the_other_sort_is_the_reverse(client: httpx2.AsyncClient):
    newest = await fetch_all(client, PATH, limit=100)
    oldest = await fetch_all(client, PATH, limit=100, sort="created_at")
    assert oldest == newest[::-1]


async def test_a_page_holds_twenty_unless_told_otherwise(client: httpx2.AsyncClient):
    assert len((await client.get("/v1/orders")).json()["data"]) == 20


@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
async def test_filters_hold_on_every_page(client: httpx2.AsyncClient, sort: str):
    everything = await fetch_all(client, PATH, limit=100, sort=sort)
    since, until = "2025-12-31T06:00:00Z", "2025-12-31T18:00:00+00:00"
    filtered = await fetch_all(
        client, PATH, limit=3, sort=sort, status="shipped", created_from=since, created_before=until
    )
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    expected = [
        row
        for row in everything
        if row["status"] == "shipped" and start <= datetime.fromisoformat(row["created_at"]) < end
    ]
    assert filtered == expected
    assert 0 < len(expected) < ORDERS


async def test_bounds_include_the_first_moment_and_exclude_the_last(client: httpx2.AsyncClient):
    rows = await fetch_all(client, PATH, limit=100, sort="created_at")
    first, last = rows[10], rows[20]
    for sort in ("created_at", "-created_at"):
        found = await fetch_all(
            client, PATH, sort=sort, created_from=first["created_at"], created_before=last["created_at"]
        )
        assert sorted(row["reference"] for row in found) == sorted(row["reference"] for row in rows[10:20])


async def test_orders_of_one_moment_are_split_between_pages_without_loss(
    client: httpx2.AsyncClient, settings: Settings
):
    async with Database(settings.database) as db, db.transaction() as connection:
        await connection.raw.execute("update orders set created_at = $1", datetime(2026, 1, 1, tzinfo=UTC))
    for sort in ("created_at", "-created_at"):
        rows = await fetch_all(client, PATH, limit=7, sort=sort)
        assert len({row["id"] for row in rows}) == ORDERS
        assert all(first["id"] != second["id"] for first, second in pairwise(rows))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("sort=id;drop table orders", "sort"),
        ("status=lost", "status"),
        ("status=%00", "status"),
        ("statsu=paid", "statsu"),
        ("db=1", "db"),
        ("created_from=yesterday", "created_from"),
        ("created_from=2026-01-01T00:00:00", "created_from"),
        ("created_from=1000000-01-01T00:00:00Z", "created_from"),
        ("created_from=0001-01-01T00:00:00%2B05:00", "created_from"),
        ("created_before=9999-12-31T23:59:59-05:00", "created_before"),
        ("cursor=", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=%ff", "cursor"),
        ("cursor=abc", "cursor"),
        (f"cursor={'a' * 513}", "cursor"),
    ],
)
async def test_an_unacceptable_parameter_is_named(client: httpx2.AsyncClient, query: str, field: str):
    response = await client.get(f"/v1/orders?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("other", ["sort=created_at", "status=paid", "created_from=2020-01-01T00:00:00Z"])
async def test_a_cursor_of_another_sort_or_filter_is_refused(client: httpx2.AsyncClient, other: str):
    cursor = (await client.get("/v1/orders?limit=1")).json()["next"]
    assert (await client.get(f"/v1/orders?limit=9&cursor={cursor}")).status_code == 200
    response = await client.get(f"/v1/orders?{other}&cursor={cursor}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "cursor"
