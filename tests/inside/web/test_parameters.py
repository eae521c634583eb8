from datetime import datetime
from typing import Annotated, Literal

import httpx2
import pytest
from msgspec import Meta, Struct
from service.kit import web
from service.kit.edge.edge import Edge
from service.kit.web.routes import PUBLIC, Routes, Slice

from tests.kit.fixtures import open_client


class Colours(Struct, frozen=True):
    __query__ = True

    colour: Literal["red", "blue"] | None = None
    name: str | None = None


routes = Routes("/things", access=PUBLIC)


@routes.get("")
async def list_things(
    where: Colours,
    most: Annotated[int, Meta(le=100)] = 1,
    new: bool = False,
    since: datetime | None = None,
    share: float = 0,
) -> str:
    """Return what was asked for."""
    return f"{where.colour} {where.name} {most} {new} {since}"


@routes.post("")
async def create_thing(name: str) -> None:
    """Do nothing."""


async def ask(method: str, query: str = "") -> httpx2.Response:
    async with open_client(Edge(web.build([Slice(routes)]))) as client:
        return await client.request(method, f"/things?{query}")


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("", "None None 1 False None"),
        ("name=null", "None null 1 False None"),
        ("colour=red&most=7&new=true", "red None 7 True None"),
        ("since=2026-01-31T09:30:00Z", "None None 1 False 2026-01-31 09:30:00+00:00"),
    ],
)
async def test_parameters_are_what_they_look_like(query: str, answer: str):
    assert (await ask("GET", query)).json() == answer


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("colour=null", "colour: leave the parameter out instead"),
        ("colour=red&colour=blue", "colour: it is given twice"),
        ("color=red", "color: there is no such parameter; known are colour, most, name, new, share, since"),
        ("since=0.5", "since: it must be a time like 2026-01-31T09:30:00Z"),
        ("since=2026-01-31T09:30:00", "since: it needs its offset from UTC, like 2026-01-31T09:30:00Z"),
        ("new=1", "new: it must be true or false"),
        ("most=null", "most: Expected `int`, got `str`"),
        ("most=101", "most: Expected `int` <= 100"),
        ("name=%00", "name: it contains the character NUL, which cannot be stored"),
        ("share=nan", "share: it is not a finite number"),
        ("new=1&most=x&name=a", "new: it must be true or false; most: Expected `int`, got `str`"),
    ],
)
async def test_parameters_that_would_filter_nothing_are_refused(query: str, detail: str):
    response = await ask("GET", query)
    assert (response.status_code, response.json()["detail"]) == (422, detail)


async def test_what_is_required_is_named():
    assert (await ask("POST")).json()["detail"] == "name: it is required"
    assert (await ask("POST", "name=a")).status_code == 204


async def test_what_is_echoed_is_short():
    response = await ask("GET", f"{'x' * 5000}=1&colour={'y' * 5000}&" + "&".join(f"z{n}=1" for n in range(500)))
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 20
    assert len(response.content) < 8000


async def test_options_lists_every_method_of_a_path():
    response = await ask("OPTIONS")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, OPTIONS, POST")


async def test_another_method_is_refused_with_those_that_are_answered():
    response = await ask("DELETE")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, OPTIONS, POST")
    assert response.json()["type"] == "urn:problem:method-not-allowed"
