"""Mails with links: what they hold, who gets them, and that nobody learns who has an account."""

import asyncio
import re
from collections.abc import AsyncGenerator
from datetime import timedelta

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from service import app
from service.mail import Mail, Mailer
from tests.accounts.test_accounts import ADA, log_in, sign_up
from tests.accounts.test_sessions import NEW, begin_session, read
from tests.kit.jobs import run_jobs

LINK = re.compile(r"http://127\.0\.0\.1:8000/(verification|reset)#(\S{43})$")


class Mailbox:
    """What the worker of this test's database sends."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def receive(self, purpose: str) -> list[tuple[str, str]]:
        """Run the jobs, and return the recipient and token of each mail for a purpose that they send."""
        self.mails.clear()
        await run_jobs(app.create_worker())
        found = [(mail.to, LINK.search(mail.text)) for mail in self.mails]
        return [(to, link[2]) for to, link in found if link and link[1] == purpose]


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Mailbox:
    mailbox = Mailbox()

    async def send(_: Mailer, mail: Mail) -> None:
        mailbox.mails.append(mail)

    monkeypatch.setattr(Mailer, "send", send)
    monkeypatch.setenv("DATABASE_URL", database_url)
    return mailbox


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def ask(client: httpx2.AsyncClient, email: str = ADA["email"]) -> httpx2.Response:
    return await client.post("/v1/password-resets", json={"email": email})


async def reset(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post("/v1/password-resets/confirm", json={"token": token, "password": NEW})


async def verify(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post("/v1/verifications/confirm", json={"token": token})


async def wait_for_lock_waiters(connection: asyncpg.Connection, count: int) -> None:
    """Return when so many sessions of this test's database wait for a lock."""
    waiting = "from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while await connection.fetchval(f"select count(*) {waiting}") < count:
        await asyncio.sleep(0.01)
        await connection.execute("select pg_stat_clear_snapshot()")  # a transaction sees the same state again otherwise


async def test_who_signs_up_verifies_the_address_by_a_link_once(client: httpx2.AsyncClient, mailbox: Mailbox):
    created = (await sign_up(client)).json()
    assert created["verified_at"] is None
    ((to, token),) = await mailbox.receive("verification")
    assert to == ADA["email"]
    assert [(await verify(client, token)).status_code for _ in range(2)] == [204, 422]
    account = await client.get("/v1/accounts/me", headers=await begin_session(client))
    assert account.json()["verified_at"] is not None


async def test_the_link_is_sent_again_until_the_address_is_verified(client: httpx2.AsyncClient, mailbox: Mailbox):
    await sign_up(client)
    headers = await begin_session(client)
    assert (await client.post("/v1/verifications", headers=headers)).status_code == 202
    tokens = [token for _, token in await mailbox.receive("verification")]
    assert len({*tokens}) == 2
    await verify(client, tokens[0])
    await client.post("/v1/verifications", headers=headers)
    assert await mailbox.receive("verification") == []


async def test_a_reset_sets_the_password_once_and_ends_all_sessions(client: httpx2.AsyncClient, mailbox: Mailbox):
    await sign_up(client)
    headers = await begin_session(client)
    await ask(client)
    ((to, token),) = await mailbox.receive("reset")
    assert to == ADA["email"]
    assert [(await reset(client, token)).status_code for _ in range(2)] == [204, 422]
    assert await read(client, headers) == 401
    assert (await log_in(client)).status_code == 401
    account = await client.get("/v1/accounts/me", headers=await begin_session(client, password=NEW))
    assert account.json()["verified_at"] is not None, "who reads the mail has the address"


async def test_the_owner_may_log_in_after_a_reset_however_often_the_old_password_was_mistyped(
    client: httpx2.AsyncClient, mailbox: Mailbox
):
    await sign_up(client)
    answers = [await log_in(client, password="wrong horse battery staple") for _ in range(11)]
    assert answers[-1].status_code == 429
    await ask(client)
    ((_, token),) = await mailbox.receive("reset")
    await reset(client, token)
    assert (await log_in(client, password=NEW)).status_code == 201


async def test_the_owner_may_log_in_while_a_mail_is_on_its_way(
    client: httpx2.AsyncClient, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
):
    await sign_up(client)
    answers: list[int] = []

    async def send(_: Mailer, mail: Mail) -> None:
        answers.append((await log_in(client)).status_code)

    monkeypatch.setattr(Mailer, "send", send)
    await ask(client)
    await mailbox.receive("reset")
    assert answers == [201, 201], "a slow server of mails delays no login"


async def test_nobody_learns_who_has_an_account(
    client: httpx2.AsyncClient, mailbox: Mailbox, connection: asyncpg.Connection
):
    """For both, a request enqueues a job and does nothing else; the job sends a mail to accounts alone."""
    await sign_up(client)
    answers = [await ask(client, email) for email in (ADA["email"], "nobody@example.com")]
    assert [(answer.status_code, answer.content) for answer in answers] == [(202, b"")] * 2
    jobs = await connection.fetch("select entrypoint from kit.pgqueuer order by id")
    assert [name for (name,) in jobs] == ["accounts.verify", "accounts.reset", "accounts.reset"]
    assert [to for to, _ in await mailbox.receive("reset")] == [ADA["email"]]


async def test_a_mail_goes_to_the_stored_address_and_not_to_one_that_is_spelled_alike(
    client: httpx2.AsyncClient, mailbox: Mailbox
):
    await sign_up(client, email="iris@example.com")
    await ask(client, "İRIS@example.com")
    assert {to for to, _ in await mailbox.receive("reset")} <= {"iris@example.com"}


async def test_an_account_gets_no_more_links_than_it_may_have(
    client: httpx2.AsyncClient, mailbox: Mailbox, connection: asyncpg.Connection
):
    await sign_up(client)
    await mailbox.receive("verification")
    for _ in range(5):
        assert (await ask(client)).status_code == 202
    async with asyncio.timeout(20), connection.transaction():
        await connection.execute("select from accounts for update")  # until all five jobs add a token, or wait for that
        receiving = asyncio.ensure_future(mailbox.receive("reset"))
        await wait_for_lock_waiters(connection, 5)
    sent = await receiving
    assert len(sent) == 3
    assert (await reset(client, sent[0][1])).status_code == 204
    assert (await reset(client, sent[1][1])).status_code == 422, "a reset ends the others"


async def test_a_link_expires_and_makes_room_for_the_next(
    client: httpx2.AsyncClient, mailbox: Mailbox, connection: asyncpg.Connection
):
    await sign_up(client)
    for _ in range(3):
        await ask(client)
    sent = await mailbox.receive("reset")
    await connection.execute("update account_tokens set expires_at = expires_at - $1::interval", timedelta(minutes=60))
    assert {(await reset(client, token)).status_code for _, token in sent} == {422}
    await ask(client)
    ((_, token),) = await mailbox.receive("reset")
    assert (await reset(client, token)).status_code == 204


async def test_no_token_is_stored_nor_one_good_for_another_purpose(
    client: httpx2.AsyncClient, mailbox: Mailbox, connection: asyncpg.Connection
):
    await sign_up(client)
    ((_, token),) = await mailbox.receive("verification")
    stored = str(await connection.fetch("select t::text from account_tokens t"))
    queued = str(await connection.fetch("select payload, headers::text from kit.pgqueuer"))
    assert token not in stored + queued
    assert (await reset(client, token)).status_code == 422


async def test_one_address_asks_so_often_and_then_has_to_wait(client: httpx2.AsyncClient):
    answers = [await ask(client, f"ada{number}@example.com") for number in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
