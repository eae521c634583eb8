from collections.abc import AsyncGenerator
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import httpx2
import pytest
import pytest_asyncio
from msgspec import Struct
from service import app
from service.kit.rows.listing import Page
from service.kit.web.app import build
from service.kit.web.idempotency import IdempotencyKey
from service.kit.web.routes import PUBLIC, Rate, Routes, Slice
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
    assert all(any(status.startswith("4") for status in operation["responses"]) for operation in operations)
    assert all([*operation["security"][0]] == ["token"] for operation in operations if needs_token(operation))
    assert all(operation["security"] == [] for operation in operations if not needs_token(operation))


def needs_token(operation: dict[str, Any]) -> bool:
    return "401" in operation["responses"]


async def test_what_is_public_says_nothing_of_the_inside(documented: httpx2.AsyncClient):
    description = (await documented.get("/openapi.json")).json()
    schemas = description["components"]["schemas"]
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    texts = [part["description"] for part in (*description["tags"], *schemas.values(), *operations)]
    texts += [response["description"] for operation in operations for response in operation["responses"].values()]
    assert all(texts)
    assert not [text for text in texts if "queries" in text or "column" in text or "follow" in text]


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


class Shown(Struct):
    """Something shown. It has `kind`."""

    kind: Literal["big", "small"]
    size: Literal[1, 2] | None


shown = Routes("/shown", access=PUBLIC, tags=["shown"])


@shown.get("/{key}", limit=Rate(1, per=1))
async def read(key: str, since: datetime | None = None, kind: Literal["big", "small"] = "big") -> Page[Shown]:
    """Read one."""
    raise NotImplementedError


@shown.put("/{key}", status=202)
async def change(key: str, data: Shown) -> Shown:
    """Change one."""
    raise NotImplementedError


@shown.post("")
async def make(key: IdempotencyKey) -> None:
    """Make one."""
    raise NotImplementedError


async def describe(*routes: Routes) -> dict[str, Any]:
    async with open_client(build([Slice(part) for part in routes], docs=True)) as client:
        description: dict[str, Any] = (await client.get("/openapi.json")).json()
    return description


async def test_types_are_named_for_clients_and_enums_and_times_have_a_type():
    description = await describe(shown)
    schemas = description["components"]["schemas"]
    operation = description["paths"]["/shown/{key}"]["get"]
    parameters = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]}
    assert parameters["since"] == {"type": "string", "format": "date-time"}
    assert parameters["kind"] == {"type": "string", "enum": ["big", "small"], "default": "big"}
    assert schemas["Shown"]["properties"]["size"]["anyOf"][0] == {"type": "integer", "enum": [1, 2]}
    assert schemas["ShownPage"]["title"] == "ShownPage"
    assert schemas["ShownPage"]["properties"]["data"]["items"] == {"$ref": "#/components/schemas/Shown"}
    content = operation["responses"]["200"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/ShownPage"}


async def test_a_route_lists_what_follows_from_its_declaration():
    description = await describe(shown)
    paths = description["paths"]
    read_one, change_one = (paths["/shown/{key}"][method]["responses"] for method in ("get", "put"))
    make_one = paths["/shown"]["post"]["responses"]
    assert not description["components"]["securitySchemes"]
    assert [*read_one] == ["200", "404", "422", "429", "default"]
    assert [*change_one] == ["202", "400", "404", "409", "413", "415", "422", "default"]
    assert [*make_one] == ["204", "400", "409", "422", "default"]
    meanings = (read_one["200"], change_one["202"], make_one["204"])
    assert [response["description"] for response in meanings] == [
        "One page of a list.",
        "Something shown.",
        "No Content",
    ]


async def test_each_operation_has_a_name_of_its_own():
    others = Routes("/others", access=PUBLIC)
    for method in ("GET", "PUT", "POST"):
        others.add(method, "")(make)
    paths = (await describe(others))["paths"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert names == ["make", "test_openapi_make", "post_test_openapi_make"]


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
