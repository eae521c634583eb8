from collections.abc import AsyncGenerator
from decimal import Decimal

import httpx2
import pytest
import pytest_asyncio
from msgspec import Struct
from service import app
from service.kit.web.app import build
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.settings import Settings

from tests.kit.fixtures import open_client


@pytest_asyncio.fixture
async def documented(settings: Settings) -> AsyncGenerator[httpx2.AsyncClient]:
    server = settings.server.model_copy(update={"docs": True})
    async with open_client(app.build(settings.model_copy(update={"server": server}))) as client:
        yield client


async def test_the_description_has_every_operation_with_its_problems(documented: httpx2.AsyncClient):
    response = await documented.get("/openapi.json")
    description = response.json()
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    assert all(operation["summary"] and "description" in operation for operation in operations)
    assert all("application/problem+json" in operation["responses"]["default"]["content"] for operation in operations)
    assert not any("400" in operation["responses"] for operation in operations)


async def test_every_reference_in_the_description_leads_somewhere(documented: httpx2.AsyncClient):
    text = (await documented.get("/openapi.json")).text
    schemas = (await documented.get("/openapi.json")).json()["components"]["schemas"]
    references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references
    assert references <= schemas.keys()


async def test_the_page_needs_nothing_from_elsewhere(documented: httpx2.AsyncClient):
    page = await documented.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text.replace("<!", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"docs/{name}" in page.text
        assert (await documented.get(f"/docs/{name}")).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/swagger-ui.css"])
async def test_production_shows_none_of_it(client: httpx2.AsyncClient, path: str):
    assert (await client.get(path)).status_code == 404


async def test_patterns_end_as_json_schema_has_it(documented: httpx2.AsyncClient):
    text = (await documented.get("/openapi.json")).text
    assert '"^[A-Z]{3}$"' in text
    assert r"\\Z" not in text


class Part(Struct):
    """What a rate consists of."""

    share: Decimal | None


class NewRate(Struct):
    """What a client sends."""

    rate: Decimal
    parts: list[Part] = []


class Rate(Struct):
    """What it is told."""

    rate: Decimal


rates = Routes("/rates", access=PUBLIC)


@rates.post("")
async def create_rate(data: NewRate) -> Rate:
    return Rate(data.rate)


async def test_a_decimal_is_sent_as_a_string_or_a_number_and_comes_as_a_string():
    async with open_client(build([Slice(rates)], docs=True)) as client:
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
        answers = [await client.post("/rates", json={"rate": rate}) for rate in ("0.10", 0.1)]
    either = {"type": ["string", "number"], "format": "decimal"}
    assert schemas["NewRate"]["properties"]["rate"] == either
    assert either in schemas["Part"]["properties"]["share"]["anyOf"]
    assert schemas["Rate"]["properties"]["rate"] == {"type": "string", "format": "decimal"}
    assert [answer.json() for answer in answers] == [{"rate": "0.10"}, {"rate": "0.1"}]
