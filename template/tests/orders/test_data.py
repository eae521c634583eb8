"""The orders of an account are handed out whole, and deleted a few at a time."""

import httpx2
import pytest

from service.kit.db import Database
from service.orders import data
from service.settings import Settings
from tests.kit.fixtures import make_headers
from tests.orders.test_orders import NEW, create


async def test_all_orders_of_an_account_are_read_and_deleted_and_none_of_others(
    client: httpx2.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(data, "BATCH", 2)
    references = [f"SO-{number}" for number in range(5)]
    for reference in references:
        await create(client, reference=reference)
    await client.post("/v1/orders", json=NEW, headers=make_headers("grace"))
    async with Database(settings.database) as db:
        read = [order.reference async for order in data.read_all(db, "development")]
        deleted = [await data.delete_some(db, "development") for _ in range(4)]
    assert (read, deleted) == (references[::-1], [2, 2, 1, 0])
    assert (await client.get("/v1/orders")).json()["data"] == []
    assert len((await client.get("/v1/orders", headers=make_headers("grace"))).json()["data"]) == 1
