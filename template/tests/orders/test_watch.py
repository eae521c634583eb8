import asyncio
from collections.abc import AsyncGenerator
from math import inf
from uuid import UUID

import httpx2
import pytest

from service.kit.db import DEVELOPER, Database
from service.kit.web import Caller, Event, LastEventId
from service.orders import http
from service.orders.model import Order
from service.settings import Settings
from tests.orders.test_orders import create


async def test_a_watched_order_is_sent_at_once_and_after_each_change(
    client: httpx2.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(http, "LOOK_SECONDS", 0.01)
    order = await create(client)
    async with Database(settings.database) as db:
        events = await watch(db, order["id"])
        first = await anext(events)
        assert (first.id, first.data.status) == ("1", "pending")
        await client.patch(f"/v1/orders/{order['id']}", json={"version": 1, "status": "paid"})
        second = await anext(events)
        assert (second.id, second.data.status) == ("2", "paid")
        await events.aclose()


async def test_a_client_that_connects_again_gets_only_what_is_new_to_it(
    client: httpx2.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(http, "LOOK_SECONDS", 0.01)
    order = await create(client)
    async with Database(settings.database) as db:
        events = await watch(db, order["id"], seen="1")
        reading = asyncio.create_task(read(events))
        await asyncio.sleep(0.1)
        assert not reading.done()
        await client.patch(f"/v1/orders/{order['id']}", json={"version": 1, "gift": False})
        assert (await reading).id == "2"
        await events.aclose()


async def watch(db: Database, order_id: str, seen: str = "") -> AsyncGenerator[Event[Order]]:
    """Return the events of an order, as the route makes them."""
    caller = Caller(DEVELOPER, {}, inf)
    return (await http.watch_order(db, caller, UUID(order_id), LastEventId(seen))).events


async def read(events: AsyncGenerator[Event[Order]]) -> Event[Order]:
    return await anext(events)
