import asyncio
import shutil
from pathlib import Path

import httpx2
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from service import app
from service.kit.db.errors import RefusedError, UnreachableError
from service.kit.db.sessions import DatabaseOptions
from service.kit.edge import health
from service.kit.edge.edge import Edge
from service.kit.migrate.files import MigrationError, MigrationOptions
from service.kit.work import asgi
from service.kit.work.problems import busy
from service.settings import Settings

from tests.kit.fixtures import open_client

AWAY = DatabaseOptions(url=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"))


async def test_a_migrated_service_is_live_and_ready(client: httpx2.AsyncClient):
    for path in ("/livez", "/readyz"):
        response = await client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})
        assert response.headers["cache-control"] == "no-store"


async def test_it_is_not_ready_while_migrations_are_pending(settings: Settings, tmp_path: Path):
    folder = shutil.copytree(settings.migrations.folder, tmp_path / "migrations")
    (folder / "9999_later.sql").write_text("create table later ()")
    changed = settings.model_copy(update={"migrations": MigrationOptions(folder=folder)})
    async with open_client(app.build(changed)) as client:
        response = await client.get("/readyz")
    assert response.status_code == 503
    assert "9999_later.sql" in response.json()["detail"]
    assert "service migrate" in response.json()["detail"]


async def test_without_a_database_it_starts_and_is_live_and_not_ready():
    async with open_client(app.build(Settings(database=AWAY))) as client:
        ready = await client.get("/readyz")
        assert (await client.get("/livez")).status_code == 200
    assert ready.status_code == 503
    assert ready.headers["retry-after"] == "1"
    assert "127.0.0.1" not in ready.text


async def test_a_check_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)

    async def hang() -> None:
        await asyncio.sleep(60)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Edge(nothing, ready=hang))) as client:
        response = await client.get("http://service.test/readyz")
    assert response.status_code == 503


def count_checks(outcome: str) -> float:
    return REGISTRY.get_sample_value("service_readiness_checks_total", {"outcome": outcome}) or 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UnreachableError("away"), "database"),
        (RefusedError("refused"), "database"),
        (TimeoutError(), "database"),
        (ConnectionResetError("of another service"), "refused"),
        (busy("The database cannot be reached."), "database"),
        (MigrationError("0001_begin.sql was edited"), "refused"),
        (KeyError("a fault of the check"), "refused"),
    ],
)
async def test_only_errors_of_the_database_count_as_its(error: Exception, outcome: str):
    async def fail() -> None:
        raise error

    before = {each: count_checks(each) for each in health.OUTCOMES}
    fault = await health.Health(fail).find_fault()
    assert fault
    assert ("The database cannot be used" in fault) is (outcome == "database")
    assert {each for each in health.OUTCOMES if count_checks(each) > before[each]} == {outcome}


async def test_many_probes_make_one_check():
    checks = 0

    async def count() -> None:
        nonlocal checks
        checks += 1
        await asyncio.sleep(0.01)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Edge(nothing, ready=count))) as client:
        responses = await asyncio.gather(*(client.get("http://service.test/readyz") for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert checks == 1


async def test_probes_answer_get_only(client: httpx2.AsyncClient):
    response = await client.post("/livez")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


async def nothing(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    raise AssertionError("health answers by itself")
