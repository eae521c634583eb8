from typing import Any

import httpx2
import pytest
from litestar import Router, get, post
from pydantic import SecretStr
from service import app
from service.kit import web
from service.kit.auth import tokens
from service.kit.auth.bearer import Auth
from service.kit.auth.issuer import IssuerOptions
from service.kit.edge.edge import Edge
from service.kit.web import NEEDS_TOKEN, PUBLIC, Caller, Slice
from service.kit.web.access import AccessError
from service.settings import Settings

from tests.kit.fixtures import open_client

OPTIONS = IssuerOptions(signing_key=SecretStr(tokens.make_key()))


@get("/me")
async def read_name(caller: Caller) -> str:
    return caller.id


@post("/hello")
async def greet() -> str:
    return "hello"


def build(router: Router, auth: Auth | None) -> Edge:
    return Edge(web.build([Slice(router)], [], {}, auth=auth))


async def ask(router: Router, path: str, token: str | None) -> httpx2.Response:
    async with open_client(build(router, Auth(OPTIONS))) as client:
        client.headers.pop("Authorization", None)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await client.get(path, headers=headers)


async def test_a_handler_that_asks_for_the_caller_gets_the_bearer_of_the_token():
    response = await ask(Router("/", route_handlers=[read_name], opt=NEEDS_TOKEN), "/me", OPTIONS.sign("ada"))
    assert response.text == "ada"


async def test_the_log_names_the_caller(capsys: pytest.CaptureFixture[str]):
    await ask(Router("/", route_handlers=[read_name], opt=NEEDS_TOKEN), "/me", OPTIONS.sign("ada"))
    assert "caller=ada" in capsys.readouterr().out


async def test_without_a_token_a_guarded_route_is_closed_and_says_how_it_opens():
    response = await ask(Router("/", route_handlers=[read_name], opt=NEEDS_TOKEN), "/me", None)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:problem:unauthenticated"


async def test_a_handler_decides_for_itself_against_its_router():
    open_to_all = get("/open", opt=PUBLIC)(greet.fn)
    router = Router("/", route_handlers=[read_name, open_to_all], opt=NEEDS_TOKEN)
    assert (await ask(router, "/open", None)).text == "hello"
    assert (await ask(router, "/me", None)).status_code == 401


def test_a_route_for_which_nobody_decided_keeps_the_service_from_starting():
    with pytest.raises(AccessError) as raised:
        build(Router("/v1", route_handlers=[greet]), Auth(OPTIONS))
    assert "POST /v1/hello: give the handler or its router `opt=web.NEEDS_TOKEN`" in str(raised.value)


def test_a_public_route_cannot_ask_for_the_caller():
    with pytest.raises(AccessError, match="GET /me: it asks for `caller`"):
        build(Router("/", route_handlers=[read_name], opt=PUBLIC), Auth(OPTIONS))


def test_routes_that_need_tokens_need_something_that_checks_them():
    with pytest.raises(AccessError, match="GET /me: it needs a token, and `http"):
        build(Router("/", route_handlers=[read_name], opt=NEEDS_TOKEN), None)


def list_operations(description: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return method, path and whether a token is needed, of every operation."""
    return [
        (method.upper(), path.replace("{", "").replace("}", ""), "security" in operation)
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
