"""Who else may call a route: those without a token, bearers of a scope or a role, and those whom a check lets in."""

from typing import Any

import pytest
from inside.guarded import OPTIONS, ask, bear, build
from msgspec import Struct
from service.kit import web
from service.kit.auth.bearer import Caller
from service.kit.web.access import (
    NEEDS_TOKEN,
    OPTIONAL_TOKEN,
    PUBLIC,
    Access,
    AccessError,
    Check,
    Needs,
    describe_access,
)
from service.kit.web.routes import Rate, Routes, Slice
from service.kit.work.problems import not_found
from starlette.requests import Request
from starlette.responses import PlainTextResponse


class Note(Struct):
    text: str


async def name_caller(caller: Caller | None) -> str:
    return caller.id if caller else "nobody"


async def create_note(data: Note) -> str:
    return data.text


class Members:
    """Who belongs to which room. It counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def have(self, room: int, name: str) -> bool:
        self.asked += 1
        return (room, name) == (1, "ada")


async def is_member(caller: Caller, members: Members, room: int) -> bool:
    return await members.have(room, caller.id)


def is_early(request: Request) -> bool:
    if request.query_params.get("hour") is None:
        raise not_found("The hour")
    return request.query_params["hour"] < "12"


class Owns:
    """A check that is made for its route."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, caller: Caller) -> bool:
        return caller.id == self.name


def make_routes(access: Access | Check, path: str = "/who") -> Routes:
    routes = Routes("/", access=access)
    routes.get(path)(name_caller)
    return routes


async def test_with_an_optional_token_anyone_may_call_and_a_bearer_is_known():
    app = build(make_routes(OPTIONAL_TOKEN))
    assert (await ask(app, "/who")).json() == "nobody"
    assert (await ask(app, "/who", bear())).json() == "ada"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YWRhOnB3", "Token x", bear()[:-4]])
async def test_a_wrong_token_is_refused_even_where_none_is_needed(header: str):
    response = await ask(build(make_routes(OPTIONAL_TOKEN)), "/who", header)
    assert response.status_code == 401, "a wrong token counts as none"


async def test_a_function_with_an_optional_token_has_to_take_none():
    async def read_name(caller: Caller) -> str:
        return caller.id

    routes = Routes("/", access=OPTIONAL_TOKEN)
    routes.get("/who")(read_name)
    with pytest.raises(
        AccessError, match=r"GET /who, .*parameter `caller: .*the token is optional; write `Caller | None`"
    ):
        build(routes)


def test_an_optional_token_needs_something_that_checks_it():
    with pytest.raises(AccessError, match=r"GET /who: it needs a token; give `web.build` an `auth`"):
        web.build([Slice(make_routes(OPTIONAL_TOKEN))])


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 403),
        ({"scope": "admin"}, 200),
        ({"scope": "read admin write"}, 200),
        ({"roles": ["admin"]}, 200),
        ({"roles": ["reader", "admin"], "scope": "read"}, 200),
        ({"scope": "administrator"}, 403),
        ({"roles": "admin"}, 403),
        ({"roles": {"admin": True}}, 403),
        ({"scope": ["admin"]}, 403),
        ({"scope": None, "roles": [["admin"], 7, None]}, 403),
        ({"admin": True}, 403),
    ],
)
async def test_a_token_needs_the_scope_or_the_role(claims: dict[str, object], status: int):
    response = await ask(build(make_routes(Needs("admin"))), "/who", bear(**claims))
    assert response.status_code == status, "it is open"


async def test_a_token_without_a_scope_is_told_which_one_it_needs():
    app = build(make_routes(Needs("orders:read", "admin")))
    response = await ask(app, "/who", bear(scope="orders:read"))
    assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="admin"'
    assert response.json()["detail"] == "The token needs admin among its scopes or roles."
    assert (await ask(app, "/who", bear(scope="orders:read", roles=["admin"]))).json() == "ada"
    assert (await ask(app, "/who")).status_code == 401


@pytest.mark.parametrize("words", [(), ("",), ("a b",), ('a"b',), ("a\r\nb",)])
def test_what_no_token_can_have_is_refused_where_it_is_needed(words: tuple[str, ...]):
    with pytest.raises(ValueError, match=r"name one scope or role in each argument, like Needs\('admin'\)"):
        Needs(*words)


@pytest.mark.parametrize(
    ("access", "path", "statuses"),
    [
        (is_member, "/rooms/1", (200, 403)),
        (is_member, "/rooms/2", (403, 403)),
        (is_early, "/rooms/1?hour=07", (200, 200)),
        (is_early, "/rooms/1?hour=18", (403, 403)),
        (is_early, "/rooms/1", (404, 404)),
        (Owns("grace"), "/rooms/1", (403, 200)),
    ],
)
async def test_a_check_decides_on_the_bearers_of_tokens(access: Check, path: str, statuses: tuple[int, int]):
    async def read_room(room: int, hour: str = "") -> str:
        return f"{room} {hour}"

    routes = Routes("/", access=access)
    routes.get("/rooms/{room:int}")(read_room)
    app = build(routes, [Members()])
    assert (await ask(app, path)).status_code == 401, "a check needs a token"
    assert (await ask(app, path, bear("ada"))).status_code == statuses[0]
    assert (await ask(app, path, bear("grace"))).status_code == statuses[1]


async def test_a_mount_is_checked_like_a_function():
    routes = Routes("/", access=is_member)
    routes.mount("/rooms/{room:int}", PlainTextResponse("a file"))
    app = build(routes, [Members()])
    assert (await ask(app, "/rooms/1/x", bear("ada"))).text == "a file"
    assert (await ask(app, "/rooms/1/x", bear("grace"))).status_code == 403
    assert (await ask(app, "/rooms/2/x", bear("ada"))).status_code == 403
    routes = Routes("/", access=Needs("admin"))
    routes.mount("/files", PlainTextResponse("a file"))
    assert (await ask(build(routes), "/files/x", bear())).status_code == 403


async def test_who_may_not_call_is_told_so_before_the_body_is_looked_at():
    routes = Routes("/", access=Needs("writer"))
    routes.post("/notes")(create_note)
    app = build(routes)
    assert (await ask(app, "/notes", bear(), "POST", json=7)).status_code == 403
    assert (await ask(app, "/notes", bear(scope="writer"), "POST", json=7)).status_code == 422


async def test_a_rate_counts_before_a_check_that_may_cost_a_statement():
    members = Members()
    routes = Routes("/", access=is_member, limit=Rate(2, per=600))
    routes.get("/rooms/{room:int}")(read_number)
    app = build(routes, [members])
    statuses = [(await ask(app, "/rooms/2", bear())).status_code for _ in range(3)]
    assert (statuses, members.asked) == ([403, 403, 429], 2)


async def read_number(room: int) -> int:
    return room


class Viewer(Struct):
    name: str


async def test_a_check_and_a_function_share_what_a_provider_makes():
    made: list[str] = []

    def find_viewer(caller: Caller) -> Viewer:
        made.append(caller.id)
        return Viewer(caller.id)

    def is_ada(viewer: Viewer) -> bool:
        return viewer.name == "ada"

    async def read_viewer(viewer: Viewer) -> str:
        return viewer.name

    routes = Routes("/", access=is_ada)
    routes.get("/viewer")(read_viewer)
    assert (await ask(build(routes, [find_viewer]), "/viewer", bear())).json() == "ada"
    assert made == ["ada"]


def is_anything(caller: Caller) -> str:
    return caller.id


def is_unsaid(caller: Caller):
    return caller.id


def takes_text(text: str) -> bool:
    return bool(text)


@pytest.mark.parametrize(
    ("access", "mend"),
    [
        (is_anything, r"GET /who, \S*is_anything: annotate it with `-> bool`: True lets a caller in"),
        (is_unsaid, "annotate it with `-> bool`"),
        (takes_text, r"GET /who, \S*takes_text, parameter `text: str`: nothing is of this type"),
        (is_member, r"GET /who, \S*is_member, parameter `members: \S*Members`: nothing is of this type"),
        ("admin", r"GET /who: give it or its Routes `access=NEEDS_TOKEN`, `access=Needs\('admin'\)`"),
    ],
)
def test_a_check_that_cannot_be_called_keeps_the_service_from_starting(access: Any, mend: str):
    with pytest.raises(TypeError, match=mend):
        build(make_routes(access))


@pytest.mark.parametrize(
    ("access", "security", "has_403", "words"),
    [
        (NEEDS_TOKEN, [{"token": []}], False, "token"),
        (OPTIONAL_TOKEN, [{"token": []}, {}], False, "anyone, or token"),
        (Needs("admin", "x"), [{"token": ["admin", "x"]}], True, "token with admin and x"),
        (is_member, [{"token": []}], True, "token, if inside.web.test_checks.is_member"),
        (Owns("ada"), [{"token": []}], True, "token, if inside.web.test_checks.Owns"),
    ],
)
async def test_the_description_and_the_list_of_routes_say_who_may_call(
    access: Access | Check, security: list[Any], has_403: bool, words: str
):
    async def read_room(room: int, caller: Caller | None) -> int:
        return room

    routes = Routes("/", access=access)
    routes.get("/rooms/{room:int}")(read_room)
    description = (await ask(build(routes, [Members()]), "/openapi.json")).json()
    operation = description["paths"]["/rooms/{room}"]["get"]
    assert operation["security"] == security
    assert ("403" in operation["responses"]) == has_403
    assert describe_access(access) == words


def test_the_list_of_routes_tells_public_ones_and_those_for_which_nobody_decided():
    assert (describe_access(PUBLIC), describe_access(None)) == ("anyone", "nobody")


async def test_another_scheme_of_tokens_is_an_option():
    options = OPTIONS.model_copy(update={"scheme": "Token"})
    app = build(make_routes(OPTIONAL_TOKEN), options=options)
    routes = Routes("/", access=Needs("admin"))
    routes.get("/admin")(name_caller)
    admin = build(routes, options=options)
    token = OPTIONS.sign("ada")
    assert (await ask(app, "/who", f"Token {token}")).json() == "ada"
    assert (await ask(app, "/who", f"token {token}")).json() == "ada"
    asked = await ask(app, "/who", f"Bearer {token}")
    assert (asked.status_code, asked.headers["www-authenticate"]) == (401, "Token")
    assert "`Authorization: Token TOKEN`" in asked.json()["detail"]
    assert (await ask(app, "/who", "Token x")).headers["www-authenticate"] == 'Token error="invalid_token"'
    refused = await ask(admin, "/admin", f"Token {token}")
    assert refused.headers["www-authenticate"] == 'Token error="insufficient_scope", scope="admin"'
    described = (await ask(app, "/openapi.json")).json()["components"]["securitySchemes"]["token"]
    assert described["type"] == "apiKey"
    assert (described["in"], described["name"], described["description"]) == (
        "header",
        "Authorization",
        "`Token TOKEN`",
    )
