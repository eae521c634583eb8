import httpx2
import pytest

from service import app
from service.kit.db import Database, Query
from service.orders import report, seed
from service.orders.model import Amounts
from service.settings import Settings
from service_tools.dev.database import fill
from tests.kit.fixtures import make_headers, open_client
from tests.orders.test_orders import create

PATH = "/v1/orders/report"

LARGE = 30_000
"""Orders whose summary takes several times what a request may compute at a stretch."""

create_many = Query(
    """
    with made as (
        insert into orders (account, reference, customer_email, currency, total_minor, item_count)
        select 'development', n, 'ada@example.com', 'EUR', n, 1 from generate_series(1, $1) as n
        returning 1
    )
    select count(*) from made
    """,
    int,
    tuple[int],
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that give a report time: the first one starts a process, which takes long on a busy machine."""
    edge = settings.edge.model_copy(update={"request_timeout": 60})
    cache = settings.cache.model_copy(update={"timeout": 60})
    return settings.model_copy(update={"edge": edge, "cache": cache})


async def test_a_report_summarizes_each_currency(client: httpx2.AsyncClient):
    for number, amount in enumerate((100, 200, 300)):
        await create(client, reference=f"EUR-{number}", total_minor=amount)
    await create(client, reference="USD", currency="USD", total_minor=7)
    response = await client.get(PATH)
    assert response.status_code == 200
    dollars, euros = sorted(response.json()["currencies"], key=lambda summary: summary["orders"])
    assert dollars == {
        "currency": "USD",
        "orders": 1,
        "median": 7,
        "mean": 7,
        "mean_from": 7,
        "mean_to": 7,
        "far_out": 0,
    }
    assert (euros["currency"], euros["orders"], euros["median"], euros["mean"]) == ("EUR", 3, 200, 200)
    assert 100 <= euros["mean_from"] < 200 < euros["mean_to"] <= 300


async def test_a_report_on_no_orders_is_empty(client: httpx2.AsyncClient):
    assert (await client.get(PATH)).json() == {"currencies": []}


async def test_a_report_covers_the_latest_orders_and_no_more(
    client: httpx2.AsyncClient, settings: Settings, monkeypatch
):
    monkeypatch.setattr(report, "MOST", 100)
    async with Database(settings.database) as db:
        await fill(db, seed.SEED, 150)
    counted = (await client.get(PATH)).json()["currencies"]
    assert sum(summary["orders"] for summary in counted) == 100


async def test_a_large_report_leaves_the_event_loop_to_others(settings: Settings, monkeypatch):
    monkeypatch.setattr(report, "MOST", LARGE)
    async with Database(settings.database) as db:
        assert await db.fetch_one(create_many, LARGE) == LARGE
    async with open_client(app.build(settings)) as client:
        (summary,) = (await client.get(PATH)).json()["currencies"]
    assert summary["orders"] == LARGE


def test_an_amount_far_above_the_others_is_counted():
    (summary,) = report.summarize([Amounts("EUR", [*range(100, 200), 10_000])])
    assert (summary.far_out, summary.median) == (1, 150)


async def test_a_report_is_kept_for_its_account_and_for_no_other(client: httpx2.AsyncClient):
    await create(client)
    first = await client.get(PATH)
    await create(client, reference="SO-2")
    assert (await client.get(PATH)).json() == first.json() != {"currencies": []}
    assert (await client.get(PATH, headers=make_headers("grace"))).json() == {"currencies": []}
