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


class Sizes(Struct, frozen=True):
    __query__ = True

    size: Annotated[list[Literal["s", "m"]], Meta(max_length=2)] = []
    since: list[datetime] | None = None


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


lists = Routes("/lists", access=PUBLIC)


@lists.get("")
async def list_sizes(where: Sizes, ids: list[int], names: list[str] = [], flags: list[bool] | None = None) -> str:  # noqa: B006
    return f"{where.size} {[str(since) for since in where.since or ()]} {ids} {names} {flags}"


@lists.delete("")
async def delete_sizes(ids: Annotated[list[int], Meta(max_length=3)]) -> None: ...


@lists.post("")
async def create_sizes(ids: list[int]) -> list[int]:
    return ids


async def ask(method: str, query: str = "", path: str = "/things", json: object = None) -> httpx2.Response:
    async with open_client(Edge(web.build([Slice(routes), Slice(lists)], docs=True))) as client:
        return await client.request(method, f"{path}?{query}", json=json)


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


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("ids=1", "[] [] [1] [] None"),
        ("ids=2&ids=1&names=a&names=&flags=true", "[] [] [2, 1] ['a', ''] [True]"),
        ("ids=1&size=m&names=a,b&size=s&ids=3", "['m', 's'] [] [1, 3] ['a,b'] None"),
        ("ids=1&since=2026-01-31T09:30:00Z", "[] ['2026-01-31 09:30:00+00:00'] [1] [] None"),
        ("&".join(f"ids={n}" for n in range(100)), f"[] [] {[*range(100)]} [] None"),
    ],
)
async def test_a_list_is_given_by_repeating_its_parameter(query: str, answer: str):
    assert (await ask("GET", query, "/lists")).json() == answer


@pytest.mark.parametrize(
    ("method", "query", "detail"),
    [
        ("GET", "", "ids: it is required"),
        ("GET", "ids=1,2", "ids: Expected `int`, got `str`"),
        ("GET", "ids=1&ids=x&ids=3", "ids: Expected `int`, got `str`"),
        ("GET", "ids=1&flags=1", "flags: it must be true or false"),
        ("GET", "ids=1&names=%00", "names: it contains the character NUL, which cannot be stored"),
        ("GET", "ids=1&size=l", "size: Invalid enum value 'l'"),
        ("GET", "ids=1&size=m&size=m&size=m", "size: it may be given 2 times"),
        ("GET", "ids=1&since=2026-01-31T09:30:00", "since: it needs its offset from UTC, like 2026-01-31T09:30:00Z"),
        ("GET", "ids=1&ids[]=1", "ids[]: there is no such parameter; known are flags, ids, names, since, size"),
        ("DELETE", "&".join(["ids=1"] * 4), "ids: it may be given 3 times"),
    ],
)
async def test_a_list_with_a_value_that_does_not_fit_is_refused(method: str, query: str, detail: str):
    response = await ask(method, query, "/lists")
    assert (response.status_code, response.json()["detail"]) == (422, detail)


async def test_a_list_is_bounded_where_its_type_says_nothing():
    response = await ask("GET", "&".join(["ids=1"] * 101), "/lists")
    assert (response.status_code, response.json()["detail"]) == (422, "ids: it may be given 100 times")
    described = (await ask("GET", "", "/openapi.json")).json()["paths"]["/lists"]
    schemas = {it["name"]: it["schema"] for it in described["get"]["parameters"]}
    assert schemas["ids"] == {"type": "array", "items": {"type": "integer"}, "maxItems": 100}
    assert (schemas["size"]["maxItems"], schemas["since"]["maxItems"]) == (2, 100)
    assert described["delete"]["parameters"][0]["schema"]["maxItems"] == 3
    assert "requestBody" not in described["get"] | described["delete"]


async def test_a_list_of_a_method_with_a_body_is_the_body():
    assert (await ask("POST", "", "/lists", [1, 2])).json() == [1, 2]
    assert (await ask("POST", "ids=1", "/lists", [1, 2])).status_code == 422


def test_a_list_that_has_to_be_given_several_times_keeps_the_service_from_starting():
    async def compare(ids: Annotated[list[int], Meta(min_length=2)]) -> None: ...

    pair = Routes("/pairs", access=PUBLIC)
    pair.get("")(compare)
    with pytest.raises(TypeError, match="a list in a query string has no `min_length`; check it in the function"):
        web.build([Slice(pair)])
