"""Uses a service by the client that openapi-python-client makes of its description: `python use_client.py URL`."""

import sys
from datetime import timedelta
from uuid import uuid4

from client import AuthenticatedClient, Client
from client.api.accounts import create_account, create_session, read_account
from client.api.orders import change_order, create_order, list_orders, read_order
from client.models import (
    Credentials,
    ListOrdersSort,
    ListOrdersStatus,
    NewOrder,
    Order,
    OrderChange,
    OrderChangeStatus,
    OrderPage,
    OrderStatus,
    ProblemDetails,
    Session,
)
from client.types import UNSET

url = sys.argv[1]
credentials = Credentials(email="grace@example.com", password="correct horse battery staple")
with Client(base_url=url) as anybody:
    account = create_account.sync(client=anybody, body=credentials)
    session = create_session.sync(client=anybody, body=credentials)
assert isinstance(session, Session)

with AuthenticatedClient(base_url=url, token=session.token) as client:
    assert read_account.sync(client=client) == account
    orders = []
    for number in range(1, 6):
        new = NewOrder(f"SO-{number}", "grace@example.com", "EUR", total_minor=1999, item_count=3)
        order = create_order.sync(client=client, body=new, idempotency_key=str(uuid4()))
        assert isinstance(order, Order)
        assert order.created_at.utcoffset() == timedelta(0)
        orders.append(order)

    first, second, *_ = orders
    paid = OrderChange(version=first.version, status=OrderChangeStatus.PAID)
    changed = change_order.sync(first.id, client=client, body=paid)
    assert isinstance(changed, Order)
    assert changed.status is OrderStatus.PAID

    listed = []
    cursor = UNSET
    while cursor is not None:
        page = list_orders.sync(
            client=client,
            status=ListOrdersStatus.PENDING,
            created_from=second.created_at,
            sort=ListOrdersSort.CREATED_AT,
            limit=2,
            cursor=cursor,
        )
        assert isinstance(page, OrderPage)
        listed += [order.reference for order in page.data]
        cursor = page.next_
    assert listed == ["SO-2", "SO-3", "SO-4", "SO-5"]

    twice = create_order.sync_detailed(client=client, body=NewOrder("SO-1", "a@b", "EUR", 1, 1))
    assert isinstance(twice.parsed, ProblemDetails)
    assert twice.status_code == 409
    assert [error.field for error in twice.parsed.errors] == ["reference"]
    unknown = read_order.sync(uuid4(), client=client)
    assert isinstance(unknown, ProblemDetails)
    assert unknown.type_ == "urn:problem:not-found"
print("done")
