import asyncio
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from service import app
from service.kit import web
from service.kit.auth import keys
from service.kit.auth.bearer import Auth, Caller
from service.kit.auth.keys import IssuerOptions
from service.kit.edge.edge import Edge
from service.kit.web.access import Check
from service.kit.web.app import Endpoint, Operation
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC, Access, AccessError, Routes, Slice
from service.kit.web.socket import Socket
from service.kit.work import asgi
from service.settings import Settings
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from tests.kit.fixtures import open_client

OPTIONS = IssuerOptions(signing_key=SecretStr(keys.make_key()))


async def read_name(caller: Caller) -> str:
    return caller.id


async def greet() -> str:
    return "hello"


async def echo(socket: WebSocket, caller: Caller, name: str, times: int = 1) -> None:
    await socket.accept()
    await socket.send_text(f"{caller.id} {name}" * times)
    await socket.close()


def make_routes(access: Access | None = None, of_greeting: Access | None = None) -> Routes:
    routes = Routes("/", access=access)
    routes.get("/me")(read_name)
    if of_greeting:
        routes.get("/open", access=of_greeting)(greet)
    return routes


def build(routes: Routes, auth: Auth | None) -> Edge:
    return Edge(web.build([Slice(routes)], auth=auth))


async def ask(routes: Routes, path: str, token: str | None, method: str = "GET") -> httpx2.Response:
    async with open_client(build(routes, Auth(OPTIONS))) as client:
        client.headers.pop("Authorization", None)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await client.request(method, path, headers=headers)


async def test_a_function_that_asks_for_the_caller_gets_the_bearer_of_the_token():
    response = await ask(make_routes(NEEDS_TOKEN), "/me", OPTIONS.sign("ada"))
    assert response.json() == "ada"


async def test_the_log_names_the_caller():
    with capture_logs() as lines:
        await ask(make_routes(NEEDS_TOKEN), "/me", OPTIONS.sign("ada"))
    assert [line["caller"] for line in lines] == ["ada"]


async def test_without_a_token_a_guarded_route_is_closed_and_says_how_it_opens():
    response = await ask(make_routes(NEEDS_TOKEN), "/me", None)
    assert response.status_code == 401, "it is open"
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:problem:unauthenticated"


async def test_a_route_decides_for_itself_against_its_routes():
    routes = make_routes(NEEDS_TOKEN, PUBLIC)
    assert (await ask(routes, "/open", None)).json() == "hello"
    assert (await ask(routes, "/me", None)).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/files", "/files/", "/files/a/b", "/files//", "/a/1/files/x"])
async def test_a_mount_is_guarded_like_a_function(path: str, method: str):
    routes = Routes("/", access=NEEDS_TOKEN)
    routes.mount("/files", PlainTextResponse("a file"))
    routes.mount("/a/{number:int}/files", PlainTextResponse("a file"))
    response = await ask(routes, path, None, method)
    assert response.status_code == (404 if path == "/files" else 401)
    response = await ask(routes, path, OPTIONS.sign("ada"), method)
    assert (response.status_code, response.text == "a file") == ((404, False) if path == "/files" else (200, True))


async def test_a_function_that_returns_an_application_is_guarded_before_it_runs():
    async def send_file() -> PlainTextResponse:
        return PlainTextResponse("a file")

    routes = Routes("/", access=NEEDS_TOKEN)
    routes.get("/file")(send_file)
    assert (await ask(routes, "/file", None)).status_code == 401
    assert (await ask(routes, "/file", OPTIONS.sign("ada"))).text == "a file"


async def talk(
    token: str | None, path: str = "/rooms/big?times=2", access: Access | Check = NEEDS_TOKEN
) -> list[asgi.Message]:
    routes = Routes("/rooms", access=access)
    routes.websocket("/{name}")(echo)
    sent: list[asgi.Message] = []

    messages = [{"type": "websocket.connect"}]

    async def receive() -> asgi.Message:
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message: asgi.Message) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    headers.append((b"host", b"service.test"))
    scope = {"type": "websocket", "path": path, "root_path": "", "query_string": query.encode(), "headers": headers}
    scope |= {"subprotocols": []}
    await build(routes, Auth(OPTIONS))(scope, receive, send)
    return sent


async def test_a_websocket_is_open_to_the_bearer_of_a_token_and_gets_its_arguments():
    accepted, text, closed = await talk(OPTIONS.sign("ada"))
    assert (accepted["type"], text["text"], closed["type"]) == ("websocket.accept", "ada bigada big", "websocket.close")


@pytest.mark.parametrize(("path", "status"), [("/rooms/big?times=2", 0), ("/rooms/small", 403)])
async def test_a_check_reads_the_handshake_of_a_websocket(path: str, status: int):
    def is_big(connection: HTTPConnection) -> bool:
        return connection.path_params["name"] == "big" and "host" in connection.headers

    begun, *_ = await talk(OPTIONS.sign("ada"), path, access=is_big)
    assert begun.get("status", 0) == status


async def take_request(socket: WebSocket, request: Request) -> None: ...
async def take_body(socket: Socket[str, str], names: dict[str, str]) -> None: ...
async def take_socket(socket: Socket[str, str]) -> None: ...
async def take_plain_socket(socket: WebSocket) -> None: ...


@pytest.mark.parametrize(
    ("method", "function", "words"),
    [
        ("WEBSOCKET", take_request, "ask for Starlette's `HTTPConnection`"),
        ("WEBSOCKET", take_body, "a WebSocket has no body"),
        ("GET", take_socket, "only the routes of `routes.websocket` have one"),
        ("POST", take_plain_socket, "only the routes of `routes.websocket` have one"),
    ],
)
def test_what_a_route_of_this_kind_does_not_have_keeps_the_service_from_starting(
    method: str, function: Any, words: str
):
    routes = Routes("/x", access=PUBLIC)
    routes.add(method, "")(function)
    with pytest.raises(TypeError, match=f"^{method} /x, .*{words}"):
        web.build([Slice(routes)])


@pytest.mark.parametrize(("path", "status"), [("/rooms/big", 401), ("/rooms/big?times=x", 401), ("/nowhere", 404)])
async def test_a_websocket_that_is_refused_is_never_accepted(path: str, status: int):
    begun, _ = await talk(None, path)
    assert (begun["type"], begun["status"]) == ("http.response.start", status)


async def test_what_nobody_decided_is_refused_where_it_is_dispatched():
    endpoint = Endpoint("/me", Auth(OPTIONS))
    endpoint.operations["GET"] = Operation(None, None, PlainTextResponse("hello"))
    async with open_client(Edge(web.build([]))):
        pass
    transport = httpx2.ASGITransport(Edge(endpoint))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        response = await client.get("/me", headers={"authorization": f"Bearer {OPTIONS.sign('ada')}"})
    assert response.status_code == 403


def test_a_route_for_which_nobody_decided_keeps_the_service_from_starting():
    routes = Routes("/v1")
    routes.post("/hello")(greet)
    routes.mount("/files", PlainTextResponse("a file"))
    with pytest.raises(AccessError) as raised:
        build(routes, Auth(OPTIONS))
    assert "POST /v1/hello" in str(raised.value)
    assert "MOUNT /v1/files" in str(raised.value)
    assert "`access=NEEDS_TOKEN`" in str(raised.value)


def test_a_public_route_cannot_ask_for_the_caller():
    with pytest.raises(AccessError, match=r"GET /me, .*read_name, parameter `caller"):
        build(make_routes(PUBLIC), Auth(OPTIONS))


def test_routes_that_need_tokens_need_something_that_checks_them():
    with pytest.raises(AccessError, match="GET /me: it needs a token"):
        build(make_routes(NEEDS_TOKEN), None)


def list_operations(description: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return method, path and whether a token is needed, of every operation."""
    return [
        (method.upper(), path.replace("{", "").replace("}", ""), bool(operation["security"]))
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]


async def test_every_route_of_the_service_that_is_described_as_guarded_refuses_a_request_without_a_token(
    settings: Settings,
):
    documented = settings.model_copy(update={"server": settings.server.model_copy(update={"docs": True})})
    async with open_client(app.build(documented)) as client:
        description = (await client.get("/openapi.json")).json()
        client.headers.pop("Authorization", None)
        unknown = "0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8e"
        for method, path, is_guarded in list_operations(description):
            target = "/".join(unknown if part.endswith("_id") else part for part in path.split("/"))
            response = await client.request(method, target)
            assert (response.status_code == 401) == is_guarded, (method, path, response.text)
