from typing import Any, cast

import httpx2
import pytest
from litestar import Litestar, Response, Router, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import Cookie, ResponseHeader
from service.kit.edge import asgi
from service.kit.web import Slice, build

THING = {"name": "Zoë", "sizes": [1, 2.5, None]}

done: list[str] = []


async def note() -> None:
    done.append("after the response")


@get("/plain")
async def plain() -> dict[str, Any]:
    return THING


@post("/created")
async def created() -> Response[dict[str, Any]]:
    return Response(THING, headers={"Location": "/things/1", "X-Shade": "red"})


@get("/routed", response_headers=[ResponseHeader(name="X-Shade", value="grey")], status_code=202)
async def routed() -> Response[dict[str, Any]]:
    return Response(THING, headers={"X-Size": "1"})


@get("/status")
async def status() -> Response[dict[str, Any]]:
    return Response(THING, status_code=207)


@get("/typed", media_type="application/vnd.thing+json")
async def typed() -> dict[str, Any]:
    return THING


@get("/own-type")
async def own_type() -> Response[dict[str, Any]]:
    return Response(THING, headers={"Content-Type": "application/geo+json"})


@get("/twice")
async def twice() -> Response[dict[str, Any]]:
    return Response(THING, headers={"Vary": "accept", "vary": "origin"})


@get("/cookie", response_cookies=[Cookie("size", "1")])
async def cookie() -> Response[dict[str, Any]]:
    return Response(THING, cookies=[Cookie("shade", "red")])


@get("/afterwards")
async def afterwards() -> Response[dict[str, Any]]:
    return Response(THING, background=BackgroundTask(note))


HANDLERS = [plain, created, routed, status, typed, own_type, twice, cookie, afterwards]


async def ask(app: asgi.App, method: str, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service.test") as client:
        response = await client.request(method, path)
    return response.status_code, sorted(response.headers.multi_items()), response.content


@pytest.mark.parametrize("handler", HANDLERS, ids=str)
async def test_a_response_is_the_one_that_the_framework_would_send(handler: Any):
    method, path = next(iter(handler.http_methods)), next(iter(handler.paths))
    done.clear()
    ours = build([Slice(Router("/", route_handlers=[handler]))], resources=[], dependencies={})
    given = await ask(ours, method, path)
    assert given == await ask(cast("asgi.App", Litestar([handler], openapi_config=None)), method, path)
    assert len(done) in (0, 2)
