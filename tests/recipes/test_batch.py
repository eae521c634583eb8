"""Several orders are created in one statement: all of them, or none and why."""

from typing import Any

import httpx2

ORDER = {"customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1999, "item_count": 3, "tags": ["new"]}


async def send(client: httpx2.AsyncClient, *references: str, **changes: object) -> httpx2.Response:
    """Create orders with these references; the changes are those of the last one."""
    orders: list[dict[str, Any]] = [ORDER | {"reference": reference} for reference in references]
    orders[-1] |= changes
    return await client.post("/v1/orders/batch", json={"orders": orders})


async def list_references(client: httpx2.AsyncClient) -> set[str]:
    orders = (await client.get("/v1/orders", params={"limit": 100})).json()["data"]
    return {order["reference"] for order in orders}


async def test_all_orders_are_stored_in_their_order(client: httpx2.AsyncClient):
    references = [f"SO-{number}" for number in range(100, 0, -1)]
    response = await send(client, *references, note="Ring twice", tags=[], gift=True)
    assert response.status_code == 201, response.text
    assert [order["reference"] for order in response.json()] == references
    last = response.json()[-1]
    assert (last["note"], last["tags"], last["gift"], last["currency"]) == ("Ring twice", [], True, "EUR")
    assert await list_references(client) == {*references}


async def test_a_reference_that_is_taken_is_named_and_nothing_is_stored(client: httpx2.AsyncClient):
    await send(client, "SO-1")
    response = await send(client, "SO-2", "SO-1", "SO-3", "SO-2")
    assert response.status_code == 409
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["orders[1].reference", "orders[3].reference"]
    assert await list_references(client) == {"SO-1"}


async def test_what_is_not_acceptable_is_named_and_their_number_is_bounded(client: httpx2.AsyncClient):
    response = await send(client, "SO-1", "SO-2", currency="euro")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["orders[1].currency"]
    assert (await send(client, *[f"SO-{number}" for number in range(101)])).status_code == 422
    assert (await client.post("/v1/orders/batch", json={"orders": []})).status_code == 422
    assert await list_references(client) == set()
