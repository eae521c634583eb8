"""A picture that is sent in a form is in the folder afterwards, and what is no picture is refused."""

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest_asyncio
from service import app
from service.pictures.folder import PNG, PictureOptions
from service.settings import Settings

from tests.kit.fixtures import open_client


@pytest_asyncio.fixture
async def client(settings: Settings, tmp_path: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    options = PictureOptions(folder=tmp_path / "pictures")
    async with open_client(app.build(settings.model_copy(update={"pictures": options}))) as client:
        yield client


async def add(client: httpx2.AsyncClient, content: bytes) -> httpx2.Response:
    files = {"picture": ("../../cat.png", content, "image/png")}
    return await client.post("/v1/pictures", data={"title": "Cat"}, files=files)


async def test_a_picture_is_kept_under_a_name_of_ours(client: httpx2.AsyncClient, tmp_path: Path):
    content = PNG + bytes(200_000)
    response = await add(client, content)
    picture = response.json()
    assert (response.status_code, picture["title"], picture["size"]) == (201, "Cat", len(content))
    [path] = (tmp_path / "pictures").iterdir()
    assert path.name == f"{picture['id']}.png"
    assert path.read_bytes() == content


async def test_what_claims_to_be_a_picture_and_is_none_is_refused(client: httpx2.AsyncClient, tmp_path: Path):
    response = await add(client, b"#!/bin/sh")
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "picture", "detail": "it must be a PNG"}]
    assert not (tmp_path / "pictures").exists()


async def test_nobody_adds_a_picture_without_a_token(client: httpx2.AsyncClient):
    del client.headers["authorization"]
    assert (await add(client, PNG)).status_code == 401
