"""Accounts of a served service: signed out in all workers, exported and deleted however much belongs to them."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from service import app
from service.accounts.data import PersonalExport
from service.accounts.deletion import DeletedAccount, delete_rows
from service.kit.db.database import Database
from service.kit.work import asgi
from service.settings import Settings

from tests.kit.fixtures import open_client
from tests.kit.processes import run, serve

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}

CONNECTIONS = 40
"""New connections go to either worker: that one of two gets none of so many happens once in 2^39 times."""

FILL = """
insert into orders (account, reference, customer_email, currency, total_minor, item_count)
select $1, 'SO-' || number, 'ada@example.com', 'EUR', 1999, 3 from generate_series(1, $2) as number
"""


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> Generator[str]:
    """Two workers."""
    with serve(tmp_path, DATABASE_URL=database_url, SERVER_WORKERS="2") as (_, url):
        yield url


async def log_in(client: httpx2.AsyncClient) -> dict[str, str]:
    token = (await client.post("/v1/sessions", json=ADA)).json()["token"]
    return {"authorization": f"Bearer {token}", "connection": "close"}


async def ask_all(client: httpx2.AsyncClient, headers: dict[str, str]) -> set[int]:
    """Return the statuses that both workers answer with."""
    asks = [client.get("/v1/accounts/me", headers=headers) for _ in range(CONNECTIONS)]
    return {answer.status_code for answer in await asyncio.gather(*asks)}


async def test_all_workers_refuse_a_revoked_token_soon(url: str, database_url: str):
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        account = (await client.post("/v1/accounts", json=ADA)).json()
        for signs_out in (True, False):
            headers = await log_in(client)
            assert await ask_all(client, headers) == {200}
            if signs_out:
                assert (await client.delete("/v1/sessions", headers=headers)).status_code == 204
            else:
                revoked = await asyncio.to_thread(run, "revoke", account["id"], DATABASE_URL=database_url)
                assert "within 2 s" in revoked.stdout
            async with asyncio.timeout(15):  # 2 s, on a busy machine
                while await ask_all(client, headers) != {401}:
                    pass
            assert await ask_all(client, await log_in(client)) == {200}


@pytest_asyncio.fixture
async def client(settings: Settings) -> AsyncGenerator[httpx2.AsyncClient]:
    """The application, without a budget of statements: an export reads page by page."""
    async with open_client(app.build(settings)) as client:
        yield client


async def test_an_account_with_many_orders_is_exported_and_deleted_a_few_rows_at_a_time(
    client: httpx2.AsyncClient, settings: Settings, database_url: str
):
    account = (await client.post("/v1/accounts", json=ADA)).json()["id"]
    headers = await log_in(client)
    connection = await asyncpg.connect(database_url)
    await connection.execute(FILL, account, 2500)
    await connection.execute(FILL, "grace", 10)
    export = await client.get("/v1/accounts/me/export", headers=headers)
    lines = [json.loads(line) for line in export.text.splitlines()]
    assert [*lines[0]] == ["account"]
    assert len({line["order"]["reference"] for line in lines[1:]}) == 2500
    created = {line["order"]["created_at"][19:20] for line in lines[1:]}
    assert created == {"."}, "times have the form of the API"

    deletion = await client.post("/v1/accounts/me/deletion", json={"password": ADA["password"]}, headers=headers)
    assert deletion.status_code == 202
    assert await connection.fetchval("select count(*) from orders") == 2510, "the job has not run yet"
    async with Database(settings.database) as db:
        await delete_rows(DeletedAccount(account), db, app.PERSONAL_DATA)
    rows = await connection.fetch("select account from orders")
    assert {row["account"] for row in rows} == {"grace"}
    assert await connection.fetchval("select count(*) from accounts") == 0
    assert await connection.fetchval("select count(*) from account_tokens") == 0
    await connection.close()


async def test_an_export_ends_with_its_client():
    ended = asyncio.Event()
    sent = asyncio.Event()

    async def write_lines() -> AsyncGenerator[bytes]:
        try:
            yield b'{"account": {}}\n'
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def receive() -> asgi.Message:
        await sent.wait()
        return {"type": "http.disconnect"}

    async def send(_: asgi.Message) -> None:
        sent.set()

    async with asyncio.timeout(5):
        await PersonalExport(write_lines())({"type": "http"}, receive, send)
    assert ended.is_set()
