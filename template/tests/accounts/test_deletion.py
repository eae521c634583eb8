"""What a deleted account leaves to its job."""

import asyncpg
import httpx2
import pytest

from service import app
from service.accounts import PersonalData
from service.accounts.deletion import DELAY
from service.kit.db import Database
from tests.accounts.test_accounts import ADA, sign_up
from tests.accounts.test_data import delete
from tests.accounts.test_sessions import begin_session
from tests.kit.jobs import run_jobs

DELAYED = "select extract(epoch from max(execute_after - created))::int from kit.pgqueuer"
MAKE_DUE = "update kit.pgqueuer set execute_after = now()"


async def test_a_job_deletes_what_belongs_to_an_account_when_its_tokens_are_refused_everywhere(
    client: httpx2.AsyncClient, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    deleted: list[str] = []

    async def note(_: PersonalData, __: Database, account: str) -> None:
        deleted.append(account)

    monkeypatch.setattr(PersonalData, "delete", note)
    monkeypatch.setenv("DATABASE_URL", database_url)
    account = (await sign_up(client)).json()
    await delete(client, await begin_session(client), ADA["password"])
    connection = await asyncpg.connect(database_url)
    delay = await connection.fetchval(DELAYED)
    await connection.execute(MAKE_DUE)
    await connection.close()
    await run_jobs(app.create_worker())
    assert deleted == [account["id"]]
    assert delay == DELAY, "a request with a token of the account may be under way"
