"""`problem=` decides at one place how errors look: those of the routes, those of the edge, and in the description."""

import asyncio
from typing import Any

import httpx2
import msgspec
import pytest
from inside.messages import Answer, ask, make_scope, receive
from msgspec import Struct
from service.kit import web
from service.kit.auth.bearer import Auth
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.web.binder import Reply
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC, Rate, Routes, Slice
from service.kit.work import asgi
from service.kit.work.problems import Problem, ProblemDetails, conflict
from service.settings import Settings
from structlog.testing import capture_logs

from tests.kit.fixtures import open_client


class Errors(Struct):
    errors: dict[str, list[str]]


class Order(Struct):
    reference: str


def show_error(problem: Problem, request_id: str) -> Reply[Errors]:
    """Return errors by field; what a client got wrong is always a 422."""
    errors: dict[str, list[str]] = {}
    for error in problem.errors:
        errors.setdefault(error.field, []).append(error.detail)
    status = 422 if problem.status in (409, 415) else None
    return Reply(Errors(errors or {"body": [problem.detail]}), status, {"X-Kind": problem.kind})


def make_routes() -> Routes:
    routes = Routes("/", access=PUBLIC)

    @routes.get("/slow")
    async def wait() -> None:
        await asyncio.sleep(60)

    @routes.get("/bug")
    async def fail() -> None:
        raise RuntimeError("the secret is 1234")

    @routes.get("/own", access=NEEDS_TOKEN)
    async def read_own() -> None: ...

    @routes.get("/rare", limit=Rate(1, per=60))
    async def read_rarely() -> None: ...

    @routes.post("/orders")
    async def create(order: Order) -> None:
        raise conflict("reference", "it is taken")

    return routes


def build(settings: Settings, **arguments: Any) -> asgi.App:
    given: dict[str, Any] = {"problem": show_error, **arguments}
    return web.build([Slice(make_routes())], auth=Auth(settings.auth), **given)


JSON = {"content-type": "application/json"}
REQUESTS: dict[str, tuple[httpx2.Request, int]] = {
    "unauthenticated": (httpx2.Request("GET", "http://a.test/own"), 401),
    "not-found": (httpx2.Request("GET", "http://a.test/nowhere"), 404),
    "method-not-allowed": (httpx2.Request("PUT", "http://a.test/own"), 405),
    "conflict": (httpx2.Request("POST", "http://a.test/orders", json={"reference": "a"}), 422),
    "unsupported-media-type": (httpx2.Request("POST", "http://a.test/orders", content=b"a"), 422),
    "invalid": (httpx2.Request("POST", "http://a.test/orders", json={}), 422),
    "malformed": (
        httpx2.Request("POST", "http://a.test/orders", content=b"{", headers={"content-type": "application/json"}),
        400,
    ),
    "internal": (httpx2.Request("GET", "http://a.test/bug"), 500),
    "too-large": (httpx2.Request("POST", "http://a.test/orders", content=bytes(2000)), 413),
    "unknown-host": (httpx2.Request("GET", "http://b.test/own"), 400),
    "timeout": (httpx2.Request("GET", "http://a.test/slow"), 504),
    "not-ready": (httpx2.Request("GET", "http://a.test/readyz"), 503),
}


@pytest.mark.parametrize("kind", REQUESTS)
async def test_every_error_of_the_routes_and_of_the_edge_has_the_team_s_shape(kind: str, settings: Settings):
    request, status = REQUESTS[kind]

    async def is_away() -> str:
        return "The database is away."

    seconds = 0.1 if kind == "timeout" else 10
    options = EdgeOptions(hosts="a.test", body_bytes=1000, request_timeout=seconds)
    async with open_client(Edge(build(settings), options, ready=is_away)) as client:
        answer = await client.send(request)
    assert (answer.status_code, answer.headers["x-kind"]) == (status, kind)
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert [*body] == ["errors"]
    assert all(isinstance(text, str) for texts in body["errors"].values() for text in texts)
    assert "1234" not in answer.text


async def test_a_refusal_keeps_its_headers_and_its_message(settings: Settings):
    async with open_client(Edge(build(settings))) as client:
        await client.get("/rare")
        refused = await client.get("/rare")
        unknown = await client.get("/own", headers={"authorization": ""})
        found = await client.post("/orders", json={"reference": 1})
    assert (refused.status_code, refused.headers["retry-after"], refused.headers["x-kind"]) == (
        429,
        "60",
        "too-many-requests",
    )
    assert refused.json()["errors"]["body"] == ["1 requests in 60 seconds are allowed here. Try again in 60 seconds."]
    assert unknown.headers["www-authenticate"] == "Bearer"
    assert (
        found.json() == {"errors": {"reference": ["Expected `str`, got `int`"]}}
        or "reference" in found.json()["errors"]
    )


async def test_a_request_too_many_has_the_shape_and_an_id_of_its_own(settings: Settings):
    def show(problem: Problem, request_id: str) -> dict[str, str]:
        return {"code": problem.kind, "id": request_id}

    edge = Edge(build(settings, problem=show), EdgeOptions(concurrency=1))
    async with open_client(edge):
        assert edge.admission.try_enter()
        first, second = await ask(edge), await ask(edge, ("x-request-id", "abc"))
    for refused in (first, second):
        assert (refused.status, refused.headers["content-type"], refused.headers["retry-after"]) == (
            503,
            "application/json",
            "1",
        )
        assert msgspec.json.decode(refused.body) == {"code": "busy", "id": refused.headers["x-request-id"]}
    assert second.headers["x-request-id"] == "abc"


async def test_a_layer_between_need_not_know_of_the_shape(settings: Settings):
    inner = build(settings)

    async def wrapper(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await inner(scope, receive, send)

    async with open_client(Edge(wrapper)) as client:
        assert (await client.get("/nowhere")).json() == {"errors": {"body": ["Nothing is at this path."]}}


@pytest.mark.parametrize("faulty", ["raises", "status", "body"])
async def test_a_function_that_fails_leaves_the_default_and_a_line_in_the_log(faulty: str, settings: Settings):
    def show(problem: Problem, request_id: str) -> Reply[dict[str, Any]]:
        if faulty == "raises":
            raise LookupError(problem.kind)
        return Reply({"error": object() if faulty == "body" else 1}, 42 if faulty == "status" else None)

    with capture_logs() as lines:
        async with open_client(Edge(build(settings, problem=show))) as client:
            answer = await client.get("/own", headers={"authorization": ""})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert (answer.json()["type"], answer.headers["www-authenticate"]) == ("urn:problem:unauthenticated", "Bearer")
    (line,) = [line for line in lines if "problem=" in line["event"]][1:]  # the first is of the start
    assert (line["log_level"], "401 unauthenticated" in line["problem"]) == ("error", True)


async def test_without_a_function_errors_are_what_they_were(settings: Settings):
    async with open_client(Edge(web.build([Slice(make_routes())], auth=Auth(settings.auth)))) as client:
        answer = await client.get("/nowhere")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Nothing is at this path."


async def test_the_description_has_the_shape_with_its_media_type(settings: Settings):
    async with open_client(Edge(build(settings, docs=True))) as client:
        description = (await client.get("/openapi.json")).json()
    reference = {"$ref": "#/components/schemas/Errors"}
    for operations in description["paths"].values():
        for operation in operations.values():
            assert operation["responses"]["default"]["content"] == {"application/json": {"schema": reference}}
    assert description["components"]["schemas"].keys() == {"Errors", "Order"}


class Details(ProblemDetails, frozen=True, omit_defaults=True, kw_only=True):
    code: int


async def test_more_fields_in_the_default_shape_keep_its_media_type(settings: Settings):
    def show(problem: Problem, request_id: str) -> Details:
        title = problem.kind.capitalize()
        return Details("about:blank", title, problem.status, problem.detail, request_id, code=17)

    async with open_client(Edge(build(settings, problem=show, docs=True))) as client:
        answer = await client.get("/nowhere")
        description = (await client.get("/openapi.json")).json()
    assert (answer.headers["content-type"], answer.json()["code"]) == ("application/problem+json", 17)
    assert [*description["paths"]["/own"]["get"]["responses"]["default"]["content"]] == ["application/problem+json"]


async def show_late(problem: Problem, request_id: str) -> Errors:
    return Errors({})


def show_untyped(problem: Problem, request_id: str):
    return {}


@pytest.mark.parametrize("function", [show_late, show_untyped])
def test_a_function_that_says_not_what_it_returns_keeps_the_service_from_starting(function: Any, settings: Settings):
    with pytest.raises(
        TypeError, match=rf"test_problem_format\.{function.__name__}: write `def show_error\(problem: Problem, "
    ):
        build(settings, problem=function)


async def test_a_restart_says_so_in_the_team_s_shape(settings: Settings):
    edge, answer = Edge(build(settings)), Answer()
    async with open_client(edge):
        task = asyncio.create_task(edge(make_scope((), path="/slow"), receive, answer.take))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (answer.status, answer.headers["x-kind"]) == (503, "busy")


async def test_an_error_has_no_body_for_head(settings: Settings):
    async with open_client(Edge(build(settings))) as client:
        answer = await client.head("/nowhere")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (404, b"", "application/json")
