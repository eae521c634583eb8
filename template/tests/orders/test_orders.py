from typing import Any
from uuid import uuid4

import httpx2
import pytest

from service.orders.model import NewOrder, OrderChange

NEW = {
    "reference": "SO-1",
    "customer_email": "ada@example.com",
    "currency": "EUR",
    "total_minor": 1999,
    "item_count": 3,
    "tags": ["priority", "größe"],
    "gift": True,
    "note": "Ring twice",
}
CHANGE = {"status": "paid", "tags": ["returned"], "gift": False, "note": "Call before delivery"}


async def create(client: httpx2.AsyncClient, **changes: object) -> dict[str, Any]:
    response = await client.post("/v1/orders", json=NEW | changes)
    assert response.status_code == 201, response.text
    return response.json()


def test_these_bodies_have_every_field():
    assert NEW.keys() == {*NewOrder.__struct_fields__}
    assert CHANGE.keys() | {"version"} == {*OrderChange.__struct_fields__}


async def test_a_created_order_can_be_read_where_its_location_says(client: httpx2.AsyncClient):
    created = await client.post("/v1/orders", json=NEW)
    read = await client.get(created.headers["location"])
    assert created.status_code == 201
    assert read.json() == created.json()
    assert read.json().items() >= (NEW | {"status": "pending", "version": 1}).items()


async def test_fields_that_are_not_given_have_defaults(client: httpx2.AsyncClient):
    required = {name: NEW[name] for name in ("reference", "customer_email", "currency", "total_minor", "item_count")}
    order = (await client.post("/v1/orders", json=required)).json()
    assert (order["tags"], order["gift"], order["note"]) == ([], False, None)


async def test_a_reference_is_used_once(client: httpx2.AsyncClient):
    await create(client)
    response = await client.post("/v1/orders", json=NEW)
    assert response.status_code == 409
    assert response.json()["errors"] == [{"field": "reference", "detail": "another of your orders has it"}]


async def test_an_unknown_order_is_not_found(client: httpx2.AsyncClient):
    missing = f"/v1/orders/{uuid4()}"
    assert (await client.get(missing)).status_code == 404
    assert (await client.patch(missing, json={"version": 1})).status_code == 404


async def test_a_change_may_set_every_field(client: httpx2.AsyncClient):
    order = await create(client)
    changed = (await client.patch(f"/v1/orders/{order['id']}", json={"version": 1} | CHANGE)).json()
    assert changed == order | CHANGE | {"version": 2, "updated_at": changed["updated_at"]}


async def test_a_change_keeps_what_it_does_not_name_and_can_clear_a_field(client: httpx2.AsyncClient):
    order = await create(client)
    response = await client.patch(f"/v1/orders/{order['id']}", json={"version": 1, "status": "paid", "note": None})
    changed = response.json()
    assert response.status_code == 200
    assert changed["updated_at"] > order["updated_at"]
    assert changed == order | {"status": "paid", "note": None, "version": 2, "updated_at": changed["updated_at"]}


async def test_a_change_of_a_version_that_is_gone_conflicts_and_changes_nothing(client: httpx2.AsyncClient):
    order = await create(client)
    path = f"/v1/orders/{order['id']}"
    first = await client.patch(path, json={"version": 1, "status": "paid"})
    second = await client.patch(path, json={"version": 1, "status": "cancelled"})
    assert second.status_code == 409
    assert second.json()["errors"][0]["field"] == "version"
    assert (await client.get(path)).json() == first.json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 41}, "reference"),
        ({"reference": "a\x00b"}, "reference"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"currency": "euro"}, "currency"),
        ({"currency": "EUR\n"}, "currency"),
        ({"total_minor": -1}, "total_minor"),
        ({"total_minor": 2**63}, "total_minor"),
        ({"total_minor": "1999"}, "total_minor"),
        ({"total_minor": 19.99}, "total_minor"),
        ({"item_count": 0}, "item_count"),
        ({"tags": ["fine", ""]}, "tags[1]"),
        ({"tags": ["a\x00b"]}, "tags"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"note": "x" * 501}, "note"),
        ({"colour": "red"}, "colour"),
        ({"status": "paid"}, "status"),
    ],
)
async def test_an_unacceptable_field_is_named_and_nothing_is_stored(
    client: httpx2.AsyncClient, change: dict[str, object], field: str
):
    response = await client.post("/v1/orders", json=NEW | change)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert (await client.get("/v1/orders")).json()["data"] == []


async def test_a_creation_that_is_sent_again_with_its_key_is_done_once(client: httpx2.AsyncClient):
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [await client.post("/v1/orders", json=NEW, headers=key) for _ in range(2)]
    assert again.status_code == 201, again.text
    assert (again.json(), again.headers["location"]) == (first.json(), first.headers["location"])
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await client.get("/v1/orders")).json()["data"]) == 1
    other = await client.post("/v1/orders", json=NEW | {"reference": "SO-2"}, headers=key)
    assert other.status_code == 422
