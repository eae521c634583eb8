"""Operators read the orders of all accounts, by a role of their token."""

from uuid import uuid4

import httpx2
import pytest

from tests.kit.fixtures import make_headers
from tests.orders.test_orders import create


@pytest.mark.parametrize("claims", [{"roles": ["operator"]}, {"scope": "orders operator"}])
async def test_an_operator_reads_the_order_of_any_account(client: httpx2.AsyncClient, claims: dict[str, object]):
    order = await create(client)
    response = await client.get(f"/v1/orders/{order['id']}/as-operator", headers=make_headers("grace", **claims))
    assert (response.status_code, response.json()) == (200, order)


async def test_an_unknown_order_is_not_found(client: httpx2.AsyncClient):
    operator = make_headers("grace", roles=["operator"])
    assert (await client.get(f"/v1/orders/{uuid4()}/as-operator", headers=operator)).status_code == 404


async def test_the_account_of_an_order_needs_the_role_as_well(client: httpx2.AsyncClient):
    order = await create(client)
    response = await client.get(f"/v1/orders/{order['id']}/as-operator")
    assert response.status_code == 403, "anyone is an operator"
    assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="operator"'
