from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx2
import pytest
from msgspec import Struct
from service.kit.edge.edge import Edge
from service.kit.rows.listing import Page
from service.kit.web.app import build
from service.kit.web.binder import Reply, created
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi
from service.kit.work.problems import not_found
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

THING = {"name": "Zoë", "sizes": [1, 2.5, None]}
JSON = '{"name":"Zoë","sizes":[1,2.5,null]}'.encode()

done: list[str] = []
routes = Routes("/", access=PUBLIC)


class Thing(Struct):
    name: str


@routes.get("/plain")
async def plain() -> dict[str, Any]:
    return THING


@routes.post("/created")
async def create() -> Reply[dict[str, Any]]:
    return created(THING, "/things/1")


@routes.get("/status", status=202)
async def status() -> Reply[dict[str, Any]]:
    return Reply(THING, headers={"X-Shade": "red"})


@routes.get("/own-type")
async def own_type() -> Reply[dict[str, Any]]:
    return Reply(THING, 207, {"Content-Type": "application/geo+json"})


@routes.get("/nothing")
async def nothing() -> None:
    return None


@routes.get("/page")
async def page(colour: str = "") -> Page[Thing]:
    return Page([Thing("Zoë")], "next page")


@routes.get("/cookie")
async def cookie(request: Request) -> Response:
    response = HTMLResponse(request.url.path)
    response.set_cookie("size", "1")
    return response


async def note() -> None:
    done.append("after the response")


@routes.get("/afterwards")
async def afterwards() -> PlainTextResponse:
    return PlainTextResponse("hello", background=BackgroundTask(note))


@routes.get("/stream")
async def stream() -> StreamingResponse:
    async def make() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    return StreamingResponse(make())


@routes.get("/away")
async def away() -> RedirectResponse:
    return RedirectResponse("/plain")


@routes.get("/application")
async def application() -> asgi.App:
    return PlainTextResponse("from an application")


@routes.get("/missing")
async def missing() -> None:
    raise not_found("The thing")


@routes.get("/rejected")
async def rejected() -> None:
    raise HTTPException(418, "no coffee", headers={"x-pot": "tea"})


@routes.get("/file")
async def read_file() -> None:
    raise FileNotFoundError("secrets.txt")


@routes.get("/slow")
async def wait_in_vain() -> None:
    raise TimeoutError


class Answer(NamedTuple):
    status: int
    headers: httpx2.Headers
    content: bytes


async def ask(path: str, method: str = "GET", docs: bool = False) -> Answer:
    transport = httpx2.ASGITransport(Edge(build([Slice(routes)], docs=docs)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        response = await client.request(method, path)
    return Answer(response.status_code, response.headers, response.content)


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("GET", "/plain", 200, {"content-type": "application/json"}),
        ("GET", "/plain/", 200, {"content-type": "application/json"}),
        ("POST", "/created", 201, {"location": "/things/1"}),
        ("GET", "/status", 202, {"x-shade": "red"}),
        ("GET", "/own-type", 207, {"content-type": "application/geo+json"}),
    ],
)
async def test_a_result_is_sent_as_json_with_its_status_and_headers(method, path, status, headers):
    answer = await ask(path, method)
    assert (answer.status, answer.content) == (status, JSON)
    assert answer.headers["content-length"] == str(len(JSON))
    assert headers.items() <= dict(answer.headers).items()


async def test_no_result_has_no_body():
    answer = await ask("/nothing")
    assert (answer.status, answer.content, "content-type" in answer.headers) == (204, b"", False)


async def test_a_page_links_to_the_next_one_under_the_same_query():
    answer = await ask("/page?colour=red")
    assert answer.headers["link"] == '<?colour=red&cursor=next+page>; rel="next"'


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [
        ("/cookie", 200, b"/cookie"),
        ("/afterwards", 200, b"hello"),
        ("/stream", 200, b"ab"),
        ("/away", 307, b""),
        ("/application", 200, b"from an application"),
    ],
)
async def test_what_can_send_itself_does_so(path: str, status: int, content: bytes):
    done.clear()
    answer = await ask(path)
    assert (answer.status, answer.content) == (status, content)
    assert ("set-cookie" in answer.headers, bool(done)) == (path == "/cookie", path == "/afterwards")


@pytest.mark.parametrize(
    ("path", "status"), [("/missing", 404), ("/rejected", 418), ("/nowhere", 404), ("/file", 500), ("/slow", 500)]
)
async def test_errors_are_problems_and_those_of_a_function_are_not_blamed_on_the_database(
    path: str, status: int, capsys: pytest.CaptureFixture[str]
):
    answer = await ask(path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert ("Traceback" in capsys.readouterr().out) == (status == 500)
    assert answer.headers.get("x-pot") == ("tea" if status == 418 else None)


async def test_a_path_beyond_measure_is_refused():
    assert (await ask(f"/{'9' * 5000}")).status == 414


async def test_whatever_is_returned_can_be_described():
    answer = await ask("/openapi.json", docs=True)
    description = httpx2.Response(200, content=answer.content).json()
    assert len(description["paths"]) == len(list(routes))
    assert description["paths"]["/cookie"]["get"]["responses"]["200"]["content"] == {"*/*": {}}
    assert description["paths"]["/page"]["get"]["responses"]["200"]["content"].keys() == {"application/json"}
