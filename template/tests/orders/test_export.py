import csv
import io
import json
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from service.kit.db import Database
from service.orders.seed import SEED
from service.settings import Settings
from service_tools.dev.database import fill
from tests.kit.fixtures import fetch_all

ORDERS = 250


@pytest_asyncio.fixture(autouse=True)
async def orders(settings: Settings) -> AsyncGenerator[None]:
    async with Database(settings.database) as db:
        await fill(db, SEED, ORDERS)
    yield


def read_moments(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its times as such: CSV, NDJSON and JSON may write the same one in different ways."""
    return row | {name: datetime.fromisoformat(row[name]) for name in ("created_at", "updated_at")}


def spell(value: object) -> str:
    """Return how CSV has a value of the list."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"status": "shipped"},
        {"created_from": "2025-12-31T06:00:00Z", "created_before": "2025-12-31T18:00:00Z"},
        {"status": "paid", "created_from": "2025-12-31T12:00:00+02:00"},
    ],
    ids=["all", "status", "created", "both"],
)
async def test_an_export_has_the_rows_of_the_list(client: httpx2.AsyncClient, sort: str, filters: dict[str, str]):
    listed = [read_moments(row) for row in await fetch_all(client, "/v1/orders", limit=100, sort=sort, **filters)]
    assert listed

    exported = await client.get("/v1/orders/export", params={"sort": sort, "format": "ndjson", **filters})
    assert [read_moments(json.loads(line)) for line in exported.text.splitlines()] == listed

    exported = await client.get("/v1/orders/export", params={"sort": sort, **filters})
    rows = [read_moments(row) for row in csv.DictReader(io.StringIO(exported.text))]
    assert rows == [
        {name: value if isinstance(value, datetime) else spell(value) for name, value in row.items()} for row in listed
    ]


async def test_the_format_is_that_of_the_query_or_else_of_the_accept_header(client: httpx2.AsyncClient):
    accepting = {"accept": "application/x-ndjson"}
    response = await client.get("/v1/orders/export", headers=accepting)
    assert response.headers["content-type"] == "application/x-ndjson"
    response = await client.get("/v1/orders/export?format=csv", headers=accepting)
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    assert (await client.get("/v1/orders/export", headers={"accept": "application/json"})).status_code == 406


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=xml", "format"),
        ("format=csv&format=ndjson", "format"),
        ("status=lost", "status"),
        ("sort=id", "sort"),
        ("limit=5", "limit"),
        ("created_from=2026-01-01T00:00:00", "created_from"),
    ],
)
async def test_an_unacceptable_parameter_is_named(client: httpx2.AsyncClient, query: str, field: str):
    response = await client.get(f"/v1/orders/export?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
