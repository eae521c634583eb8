"""Files of orders: what is taken in, what the job makes of it, and what is left of a file that did not arrive."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio

from service.kit.db import Database
from service.orders.imports.job import Hour, make_orders, make_some, sweep
from service.orders.imports.model import Waiting
from service.settings import Settings
from tests.kit.fixtures import make_headers
from tests.orders.test_orders import NEW

PATH = "/v1/orders/import"
NDJSON, CSV = ({"content-type": media_type} for media_type in ("application/x-ndjson", "text/csv"))


@pytest_asyncio.fixture
async def db(settings: Settings) -> AsyncGenerator[Database]:
    async with Database(settings.database) as db:
        yield db


@pytest_asyncio.fixture
async def raw(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def write(count: int, **changes: object) -> bytes:
    return b"".join(json.dumps(NEW | {"reference": f"SO-{n}"} | changes).encode() + b"\n" for n in range(count))


async def send(client: httpx.AsyncClient, data: bytes, headers: dict[str, str] = NDJSON) -> dict[str, Any]:
    response = await client.post(PATH, content=data, headers=headers)
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/orders/imports/{response.json()['id']}"
    return response.json()


async def finish(client: httpx.AsyncClient, db: Database, taken: dict[str, Any]) -> dict[str, Any]:
    """Run the job of an import, and return what clients are told afterwards."""
    await make_orders(Waiting(UUID(taken["id"])), db)
    return (await client.get(f"/v1/orders/imports/{taken['id']}")).json()


async def test_a_file_becomes_orders_of_the_caller(client: httpx.AsyncClient, db: Database):
    taken = await send(client, write(3))
    assert (taken["state"], taken["rows"], taken["created"]) == ("waiting", 3, 0)
    done = await finish(client, db, taken)
    assert (done["state"], done["rows"], done["created"], done["refused"], done["faults"]) == ("done", 3, 3, 0, [])
    orders = (await client.get("/v1/orders")).json()["data"]
    assert {order["reference"] for order in orders} == {"SO-0", "SO-1", "SO-2"}
    assert all(
        order.items() >= (NEW | {"reference": order["reference"], "status": "pending"}).items() for order in orders
    )
    assert (await client.get("/v1/orders", headers=make_headers("grace"))).json()["data"] == []


async def test_csv_says_the_same(client: httpx.AsyncClient, db: Database):
    head = "reference,customer_email,currency,total_minor,item_count,tags,gift,note\r\n"
    row = 'SO-1,ada@example.com,EUR,1999,3,"[""priority"",""größe""]",true,"Ring, then\nwait"\r\n'
    await finish(client, db, await send(client, (head + row).encode(), CSV))
    (order,) = (await client.get("/v1/orders")).json()["data"]
    assert order.items() >= (NEW | {"note": "Ring, then\nwait"}).items()


async def test_rows_that_are_no_orders_are_told_by_their_lines_and_the_others_are_made(
    client: httpx.AsyncClient, db: Database
):
    await client.post("/v1/orders", json=NEW | {"reference": "SO-0"})
    bad = [json.dumps(NEW | {"currency": "euro"}), "nonsense", json.dumps(NEW | {"note": "a\x00b"})]
    bad += [json.dumps(NEW | {"reference": "SO-9"})] * 2
    done = await finish(client, db, await send(client, write(2) + "\n".join(bad).encode()))
    assert (done["rows"], done["created"], done["refused"]) == (7, 2, 5)
    assert [fault.partition(": ")[::2] for fault in done["faults"]] == [
        ("line 1", "reference: another of your orders has it"),
        ("line 3", "currency: Expected `str` matching regex '^[A-Z]{3}$'"),
        ("line 4", "The body is not valid JSON: JSON is malformed: invalid character (byte 4)."),
        ("line 5", "note: it contains the character NUL, which cannot be stored"),
        ("line 7", "reference: another of your orders has it"),
    ]


async def test_no_more_than_a_hundred_faults_are_told(client: httpx.AsyncClient, db: Database):
    done = await finish(client, db, await send(client, write(700, currency="euro")))
    assert (done["refused"], len(done["faults"]), done["faults"][99][:9]) == (700, 100, "line 100:")


async def test_a_job_that_is_interrupted_goes_on_and_one_that_comes_twice_does_nothing(
    client: httpx.AsyncClient, db: Database
):
    taken = await send(client, write(1100))
    waiting = Waiting(UUID(taken["id"]))
    await db.in_transaction(lambda connection: make_some(waiting, connection))
    halfway = (await client.get(f"/v1/orders/imports/{taken['id']}")).json()
    assert (halfway["state"], halfway["created"]) == ("waiting", 500)
    for _ in range(2):
        done = await finish(client, db, taken)
        assert (done["state"], done["created"], done["refused"]) == ("done", 1100, 0)


async def test_an_import_is_nothing_to_another_account(client: httpx.AsyncClient):
    taken = await send(client, write(1))
    response = await client.get(f"/v1/orders/imports/{taken['id']}", headers=make_headers("grace"))
    assert response.status_code == 404


async def test_an_account_has_one_import_at_a_time(client: httpx.AsyncClient, db: Database):
    taken = await send(client, write(1))
    second = await client.post(PATH, content=write(1), headers=NDJSON)
    assert (second.status_code, second.json()["errors"][0]["field"]) == (409, "account")
    assert (await client.post(PATH, content=write(1), headers=NDJSON | make_headers("grace"))).status_code == 202
    await finish(client, db, taken)
    await send(client, write(1))


@pytest.mark.parametrize(
    ("data", "headers", "status", "detail"),
    [
        (b"", NDJSON, 422, "body: the file has no rows"),
        (b"\n\n", NDJSON, 422, "body: the file has no rows"),
        (b"reference,customer_email,currency,total_minor,item_count\n", CSV, 422, "body: the file has no rows"),
        (b"reference\nSO-1\n", CSV, 422, "line 1: customer_email, currency, total_minor, item_count: the column"),
        (write(2500) + b"\xff", NDJSON, 422, "line 2501: it is not UTF-8"),
        (b"{}", {"content-type": "application/json"}, 415, "Send a file as text/csv or application/x-ndjson."),
    ],
    ids=range(6),
)
async def test_a_file_that_cannot_be_used_leaves_nothing(
    client: httpx.AsyncClient,
    db: Database,
    raw: asyncpg.Connection,
    data: bytes,
    headers: dict[str, str],
    status: int,
    detail: str,
):
    response = await client.post(PATH, content=data, headers=headers)
    assert (response.status_code, response.json()["detail"][: len(detail)]) == (status, detail)
    assert await raw.fetchval("select count(*) from order_imports") == 0
    assert await raw.fetchval("select count(*) from kit.pgqueuer") == 0
    await sweep(Hour(), db)
    assert await raw.fetchval("select count(*) from order_import_rows") == 0


async def test_an_import_that_was_given_up_makes_room_for_the_next(
    client: httpx.AsyncClient, db: Database, raw: asyncpg.Connection
):
    """As after a worker process was killed: nobody is there to take its import away."""
    await raw.execute("insert into order_imports (account) values ('development')")
    assert (await client.post(PATH, content=write(1), headers=NDJSON)).status_code == 409
    await raw.execute("update order_imports set updated_at = now() - interval '11 minutes'")
    assert (await finish(client, db, await send(client, write(1))))["created"] == 1


async def test_what_waits_is_not_swept(client: httpx.AsyncClient, db: Database):
    taken = await send(client, write(3))
    await sweep(Hour(), db)
    assert (await finish(client, db, taken))["created"] == 3


async def drip(size: int) -> AsyncIterator[bytes]:
    for chunk in chunks(size):
        yield chunk


def chunks(size: int) -> Iterator[bytes]:
    row = b"x" * 999 + b"\n"
    return (row * 100 for _ in range(size // 100_000))


async def test_a_file_may_be_larger_than_other_bodies_and_has_a_bound_of_its_own(
    client: httpx.AsyncClient, settings: Settings
):
    assert settings.edge.body_bytes < 2_000_000 < settings.upload.body_bytes
    assert (await client.post(PATH, content=drip(2_000_000), headers=NDJSON)).status_code == 202
    announced = NDJSON | {"content-length": str(settings.upload.body_bytes + 1)} | make_headers("grace")
    assert (await client.post(PATH, content=b"", headers=announced)).status_code == 413
    other = await client.post("/v1/orders", content=drip(2_000_000), headers={"content-type": "application/json"})
    assert other.status_code == 413
