from collections.abc import AsyncGenerator

import httpx2
import pytest
import pytest_asyncio
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.work import asgi, responses
from service.settings import Settings
from service_tools.sql.budgets import DEFAULT_STATEMENTS

from tests.kit import statements

ONE = Query("select 1", int)


@pytest_asyncio.fixture
async def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of an application that runs as many statements as the path says."""
    async with Database(settings.database) as db:

        async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
            for _ in range(int(scope["path"].strip("/"))):
                await db.fetch_one(ONE)
            await responses.respond(send, 200, b"", b"text/plain", [])

        statements.note_statements(monkeypatch)
        transport = httpx2.ASGITransport(statements.limit_statements(answer))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
            yield client


async def test_a_request_within_its_budget_passes(client: httpx2.AsyncClient):
    for _ in range(2):
        assert (await client.get(f"/{DEFAULT_STATEMENTS}")).status_code == 200


async def test_a_request_over_its_budget_fails_the_test_and_says_what_it_ran(client: httpx2.AsyncClient):
    with pytest.raises(
        AssertionError, match=r"GET /11 made 11 statements and may make 10: select 1 11 times.*any\(\$1\)"
    ):
        await client.get(f"/{DEFAULT_STATEMENTS + 1}")
