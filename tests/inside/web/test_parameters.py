from datetime import datetime
from typing import Literal

import httpx2
import pytest
from litestar import Router, get, post
from litestar.params import FromQuery
from service.kit import web
from service.kit.edge.edge import Edge
from service.kit.web import Slice

from tests.kit.fixtures import open_client


@get("/", sync_to_thread=False)
def list_things(
    colour: FromQuery[Literal["red", "blue"] | None] = None,
    name: FromQuery[str | None] = None,
    most: FromQuery[int] = 1,
    new: FromQuery[bool] = False,
    since: FromQuery[datetime | None] = None,
) -> str:
    """Return what was asked for."""
    return f"{colour} {name} {most} {new} {since}"


@post("/", sync_to_thread=False)
def create_thing() -> None:
    """Do nothing."""


async def ask(method: str, query: str = "") -> httpx2.Response:
    parts = [Slice(routes=Router("/things", route_handlers=[create_thing, list_things]))]
    async with open_client(Edge(web.build(parts, resources=[], dependencies={}))) as client:
        return await client.request(method, f"/things?{query}")


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("name=null", "None null 1 False None"),
        ("colour=red&most=7&new=true", "red None 7 True None"),
        ("since=2026-01-31T09:30:00Z", "None None 1 False 2026-01-31 09:30:00+00:00"),
    ],
)
async def test_parameters_are_what_they_look_like(query: str, answer: str):
    assert (await ask("GET", query)).text == answer


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("colour=null", "colour: leave the parameter out instead"),
        ("colour=red&colour=blue", "colour: it is given twice"),
        ("color=red", "color: there is no such parameter; known are colour, most, name, new, since"),
        ("since=0.5", "since: it must be a time like 2026-01-31T09:30:00Z"),
        ("new=1", "new: it must be true or false"),
        ("most=null", "most: Expected `int`, got `str`"),
    ],
)
async def test_parameters_that_would_filter_nothing_are_refused(query: str, detail: str):
    response = await ask("GET", query)
    assert (response.status_code, response.json()["detail"]) == (422, detail)


async def test_options_lists_every_method_of_a_path():
    response = await ask("OPTIONS")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, OPTIONS, POST")
