"""An order belongs to the account that created it: no route shows it to another, or lets another change it."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest

from service.orders.http import routes
from tests.kit.fixtures import make_headers
from tests.orders.test_orders import NEW, create

GRACE = make_headers("grace")

type Ask = Callable[[httpx2.AsyncClient, str], Awaitable[httpx2.Response]]


async def read(client: httpx2.AsyncClient, order_id: str) -> httpx2.Response:
    return await client.get(f"/v1/orders/{order_id}", headers=GRACE)


async def read_any(client: httpx2.AsyncClient, order_id: str) -> httpx2.Response:
    return await client.get(f"/v1/orders/{order_id}/as-operator", headers=GRACE)


async def watch(client: httpx2.AsyncClient, order_id: str) -> httpx2.Response:
    return await client.get(f"/v1/orders/{order_id}/events", headers=GRACE)


async def change(client: httpx2.AsyncClient, order_id: str) -> httpx2.Response:
    return await client.patch(f"/v1/orders/{order_id}", json={"version": 1, "status": "paid"}, headers=GRACE)


async def list_all(client: httpx2.AsyncClient, _: str) -> httpx2.Response:
    return await client.get("/v1/orders", headers=GRACE)


async def export(client: httpx2.AsyncClient, _: str) -> httpx2.Response:
    return await client.get("/v1/orders/export?format=ndjson", headers=GRACE)


async def report(client: httpx2.AsyncClient, _: str) -> httpx2.Response:
    return await client.get("/v1/orders/report", headers=GRACE)


async def create_same(client: httpx2.AsyncClient, _: str) -> httpx2.Response:
    return await client.post("/v1/orders", json=NEW, headers=GRACE)


# What another account is told by each route, while there is one order that is not its own.
ANSWERS: dict[str, tuple[Ask, int, str]] = {
    "read_order": (read, 404, "does not exist"),
    "read_any_order": (read_any, 403, "The token needs operator among its scopes or roles."),
    "watch_order": (watch, 404, "does not exist"),
    "change_order": (change, 404, "does not exist"),
    "list_orders": (list_all, 200, '{"data":[],"next":null}'),
    "export_orders": (export, 200, ""),
    "report_orders": (report, 200, '{"currencies":[]}'),
    "create_order": (create_same, 201, '"reference":"SO-1"'),
}


def test_no_route_is_left_out():
    assert {route.endpoint.__name__ for route in routes} == ANSWERS.keys()


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_order_is_nothing_to_another_account(client: httpx2.AsyncClient, name: str):
    order = await create(client)
    ask, status, text = ANSWERS[name]
    response = await ask(client, order["id"])
    assert response.status_code == status
    assert response.text == text if name == "export_orders" else text in response.text
    assert (await client.get(f"/v1/orders/{order['id']}")).json() == order


async def test_pages_go_on_for_the_account_that_they_began_for(client: httpx2.AsyncClient):
    for number in range(2):
        await create(client, reference=f"SO-{number}")
    page = await client.get("/v1/orders?limit=1")
    stolen = await client.get(page.url.join(page.links["next"]["url"]), headers=GRACE)
    assert (stolen.status_code, stolen.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_key_that_another_account_used_is_a_new_one(client: httpx2.AsyncClient):
    key = {"Idempotency-Key": "shared"}
    first = await client.post("/v1/orders", json=NEW, headers=key)
    second = await client.post("/v1/orders", json=NEW, headers=GRACE | key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("status", ["pending", None])
@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
async def test_every_list_and_export_has_the_orders_of_one_account(
    client: httpx2.AsyncClient, sort: str, status: str | None
):
    await create(client)
    params = {"sort": sort} | ({"status": status} if status else {})
    assert (await client.get("/v1/orders", params=params, headers=GRACE)).json()["data"] == []
    exported = await client.get("/v1/orders/export", params=params | {"format": "ndjson"}, headers=GRACE)
    assert exported.text == ""
    assert len((await client.get("/v1/orders", params=params)).json()["data"]) == 1
