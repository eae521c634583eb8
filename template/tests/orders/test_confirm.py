"""A confirmation is sent once for each order that was created, and for no other."""

from uuid import UUID

import httpx2
import pytest
from structlog.testing import capture_logs

from service import app
from service.kit.db import Database, Query
from service.mail import Mail, Mailer
from service.orders.confirm import Confirmation, send_confirmation
from service.settings import Settings
from tests.kit.jobs import run_jobs
from tests.orders.test_orders import NEW, create


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, database_url: str) -> list[Mail]:
    """What the worker of this test's database sends."""
    mails: list[Mail] = []

    async def send(_: Mailer, mail: Mail) -> None:
        mails.append(mail)

    monkeypatch.setattr(Mailer, "send", send)
    monkeypatch.setenv("DATABASE_URL", database_url)
    return mails


async def test_an_order_is_confirmed_to_the_customer(client: httpx2.AsyncClient, sent: list[Mail]):
    await create(client)
    await run_jobs(app.create_worker())
    assert [(mail.to, mail.subject) for mail in sent] == [("ada@example.com", "Your order SO-1")]


async def test_no_address_reaches_the_log():
    with capture_logs() as lines:
        await Mailer().send(Mail("orders.confirm-1", "ada@example.com", "Your order SO-1", "Thank you."))
    assert lines
    assert "ada@example.com" not in str(lines)
    assert "Thank you." not in str(lines)


async def test_a_request_sent_again_with_its_key_is_confirmed_once(client: httpx2.AsyncClient, sent: list[Mail]):
    for _ in range(2):
        await client.post("/v1/orders", json=NEW, headers={"idempotency-key": "a-key-of-a-client"})
    await run_jobs(app.create_worker())
    assert len(sent) == 1


async def test_an_order_that_is_rolled_back_is_not_confirmed(client: httpx2.AsyncClient, sent: list[Mail]):
    await create(client)
    assert (await client.post("/v1/orders", json=NEW)).status_code == 409
    await run_jobs(app.create_worker())
    assert len(sent) == 1


async def test_an_order_and_its_confirmation_are_of_one_transaction(client: httpx2.AsyncClient, settings: Settings):
    await create(client)
    transactions = Query("select array[orders.xmin::text, job.xmin::text] from orders, kit.pgqueuer as job", list[str])
    async with Database(settings.database) as db:
        order, job = await db.fetch_one(transactions)
    assert order == job, "enqueue on the connection of the transaction"


async def test_a_job_that_runs_again_sends_nothing_twice(
    client: httpx2.AsyncClient, sent: list[Mail], settings: Settings
):
    order = await create(client)
    account = "development"
    async with Database(settings.database) as db:
        for _ in range(2):
            await send_confirmation(Confirmation(account, UUID(order["id"])), 1, db, Mailer())
    assert len(sent) == 1
