import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from inside import exporting
from prometheus_client import REGISTRY
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.rows.export import Export, ExportOptions, Exports
from service.kit.server.settings import KitSettings
from service.kit.work.problems import Problem
from service.settings import Settings

from tests.kit.fixtures import open_client

SLOW = Query("select 1 as id from pg_sleep(2.5)", int)
STATE = "select name, setting from pg_settings where source in ('session', 'client') order by name"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    quick = {"acquire_timeout": 1, "lock_timeout": 1.2, "statement_timeout": 1.5, "command_timeout": 2}
    return settings.model_copy(update={"database": settings.database.model_copy(update=quick | {"pool_size": 2})})


async def fetch(export: Export) -> httpx2.Response:
    """Return what an export answers by itself, without the framework and the edge around it."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(export), base_url="http://service.test") as client:
        return await client.get("/")


@pytest_asyncio.fixture
async def exporter(settings: KitSettings) -> AsyncGenerator[httpx2.AsyncClient]:
    async with open_client(exporting.build(settings)) as client:
        yield client


@pytest_asyncio.fixture
async def db(settings: Settings) -> AsyncGenerator[Database]:
    async with Database(settings.database) as db:
        yield db


async def test_rows_are_a_file_in_the_format_that_the_client_asks_for(exporter: httpx2.AsyncClient):
    response = await exporter.get("/few")
    assert response.text == "id\n1\n2\n3\n"
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["content-disposition"] == 'attachment; filename="few.csv"'
    assert "accept" in response.headers["vary"].split(", ")
    response = await exporter.get("/few", headers={"accept": "application/x-ndjson"})
    assert response.text == '{"id":1}\n{"id":2}\n{"id":3}\n'
    assert response.headers["content-disposition"] == 'attachment; filename="few.ndjson"'


@pytest.mark.parametrize(("form", "text"), [("csv", "id\n"), ("ndjson", "")])
async def test_no_rows_are_an_empty_file(exporter: httpx2.AsyncClient, form: str, text: str):
    response = await exporter.get("/none", params={"format": form})
    assert (response.status_code, response.text) == (200, text)


async def test_what_goes_wrong_before_the_first_rows_is_a_problem(exporter: httpx2.AsyncClient):
    for path, status in (("/few?format=xml", 422), ("/wrong", 422), ("/gone", 500)):
        response = await exporter.get(path)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
    assert (await exporter.get("/few", headers={"accept": "image/png"})).status_code == 406


async def test_what_goes_wrong_later_cuts_the_response(db: Database):
    exports = Exports(db)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await fetch(exports.stream(exporting.QUERIES["failing"], name="failing"))
    assert (await fetch(exports.stream(exporting.QUERIES["few"], name="few"))).status_code == 200


def count_refused() -> float:
    return REGISTRY.get_sample_value("http_requests_refused_total", {"reason": "export"}) or 0


async def test_one_export_more_than_may_run_is_refused_at_once(db: Database):
    exports = Exports(db, ExportOptions(concurrency=2))
    assert exports.slots.limit == 1, "one connection is left for everything else"
    few = exports.stream(exporting.QUERIES["few"], name="few")
    refused = count_refused()
    assert exports.slots.try_enter()
    with pytest.raises(Problem) as caught:
        await fetch(few)
    exports.slots.leave()
    assert caught.value.status == 503
    assert "retry-after" in caught.value.headers
    assert count_refused() == refused + 1
    assert (await fetch(few)).status_code == 200
    assert exports.slots.running == 0


async def test_an_export_may_take_longer_than_a_statement(db: Database):
    assert (await fetch(Exports(db).stream(SLOW, name="slow"))).text == "id\n1\n"


async def test_a_deadline_before_the_first_rows_is_a_504(settings: Settings):
    options = settings.model_copy(update={"export": ExportOptions(timeout=0.2)})
    async with open_client(exporting.build(options)) as client:
        assert (await client.get("/quiet")).status_code == 504
        assert (await client.get("/few")).status_code == 200


async def test_an_export_leaves_its_connection_as_it_was(settings: Settings):
    single = settings.database.model_copy(update={"pool_size": 1})
    async with Database(single) as db:
        async with db.connection() as connection:
            before = await connection.raw.fetch(STATE)
            pid = connection.raw.get_server_pid()
        for name in ("few", "wrong", "failing"):
            await asyncio.gather(fetch(Exports(db).stream(exporting.QUERIES[name], name=name)), return_exceptions=True)
        async with db.connection() as connection:
            assert await connection.raw.fetch(STATE) == before
            assert not connection.raw.is_in_transaction()
            assert connection.raw.get_server_pid() == pid
