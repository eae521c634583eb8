"""Orders over a real server, from a real client: what no test within one process can show."""

import json
from pathlib import Path

import httpx2

from tests.kit.fixtures import make_headers
from tests.kit.processes import serve
from tests.orders.test_orders import NEW


def test_an_order_is_created_read_listed_and_changed_over_http(database_url: str, tmp_path: Path):
    with (
        serve(tmp_path, DATABASE_URL=database_url) as (_, url),
        httpx2.Client(base_url=url, headers=make_headers()) as client,
    ):
        created = client.post("/v1/orders", json=NEW, headers={"x-request-id": "served-1"})
        assert (created.status_code, created.headers["x-request-id"]) == (201, "served-1")
        order = client.get(created.headers["location"]).json()
        assert order == created.json()
        with client.stream("GET", f"{created.headers['location']}/events") as watched:
            events = (line for line in watched.iter_lines() if line.startswith("data: "))
            assert json.loads(next(events).removeprefix("data: ")) == order
        changed = client.patch(f"/v1/orders/{order['id']}", json={"version": 1, "status": "paid"})
        assert changed.json()["version"] == 2
        assert client.get("/v1/orders?status=paid").json() == {"data": [changed.json()], "next": None}
        assert client.post("/v1/orders", content=b'{"note": "\\ud800"}').status_code == 415
