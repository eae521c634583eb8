import re

import asyncpg
import httpx2
import pytest
from inside import notes
from inside.keyed import KEY, client, count, post, raw, tell
from service.kit import web
from service.kit.db.database import Database
from service.kit.web.routes import Slice
from service.settings import Settings

from tests.kit.fixtures import open_client

__all__ = ["client", "raw"]  # fixtures


@pytest.mark.parametrize("key", ["a", "~!#", "x" * 255, "x" * 9 + '"'])
async def test_a_key_may_stand_in_quotes_or_not(client: httpx2.AsyncClient, key: str):
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    await post(client, **{"Idempotency-Key": key})
    again = await post(client, **{"Idempotency-Key": f' "{quoted}" '})
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", " ", '""', '"a', "a b", '"a"b', '"a";p=1', "x" * 256, '"a\\b"', "ä"])
async def test_another_key_is_refused(client: httpx2.AsyncClient, raw: asyncpg.Connection, key: str):
    response = await client.post("/notes/1", json={"text": "a"}, headers=[(b"Idempotency-Key", key.encode())])
    assert tell(response) == (400, "urn:problem:malformed")
    assert [error["field"] for error in response.json()["errors"]] == ["Idempotency-Key"]
    assert await count(raw) == 0


async def test_two_keys_are_refused(client: httpx2.AsyncClient):
    response = await client.post("/notes/1", json={"text": "a"}, headers=[*KEY.items(), *KEY.items()])
    assert response.status_code == 400


async def test_a_route_may_require_a_key(client: httpx2.AsyncClient, raw: asyncpg.Connection):
    response = await client.post("/notes/strict", json={"text": "a"})
    assert tell(response) == (400, "urn:problem:key-required")
    assert await count(raw) == 0


@pytest.mark.parametrize("name", ["key", "Idempotency-Key"])
async def test_the_header_is_no_parameter_of_the_query(client: httpx2.AsyncClient, name: str):
    response = await client.post(f"/notes/1?{name}=a", json={"text": "a"})
    assert response.status_code == 422


async def test_the_description_tells_of_the_header(settings: Settings):
    app = web.build([Slice(notes.ROUTES)], provide=[Database(settings.database)], docs=True)
    async with open_client(app) as client:
        operation = (await client.get("/openapi.json")).json()["paths"]["/notes/{folder}"]["post"]
    (header,) = [parameter for parameter in operation["parameters"] if parameter["in"] == "header"]
    assert (header["name"], header["required"], header["schema"]["type"]) == ("Idempotency-Key", False, "string")
    assert re.search(header["schema"]["pattern"], header["examples"].popitem()[1]["value"])
