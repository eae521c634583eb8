"""What app.py provides for each request: bound like a handler, made once, and only where it is asked for."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, NewType

import pytest
from inside.guarded import ask, bear, build
from msgspec import Struct
from service.kit.auth.bearer import Caller
from service.kit.web.access import NEEDS_TOKEN, OPTIONAL_TOKEN, PUBLIC, AccessError
from service.kit.web.idempotency import IdempotencyKey
from service.kit.web.routes import Routes
from service.kit.work.problems import not_found
from starlette.requests import Request
from structlog.testing import capture_logs

LANGUAGES = {"ada": "en", "grace": "fr"}


class Database:
    """What is provided once. It counts how often it is asked."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    async def read(self, name: str) -> str:
        self.reads.append(name)
        return LANGUAGES[name]


class Viewer(Struct):
    name: str
    language: str


Greeting = NewType("Greeting", str)


async def find_viewer(caller: Caller | None, db: Database) -> Viewer | None:
    return Viewer(caller.id, await db.read(caller.id)) if caller else None


def choose_greeting(viewer: Viewer | None, request: Request) -> Greeting:
    language = viewer.language if viewer else request.headers.get("accept-language", "en")
    return Greeting({"en": "hello", "fr": "bonjour"}[language])


async def greet(greeting: Greeting, viewer: Viewer | None, name: str = "") -> str:
    return f"{greeting} {viewer.name if viewer else name}"


async def greet_nobody() -> str:
    return "hello"


PROVIDE = [find_viewer, choose_greeting]


def make_routes(**functions: Callable[..., Any]) -> Routes:
    routes = Routes("/", access=OPTIONAL_TOKEN)
    for path, function in functions.items():
        routes.get(f"/{path}")(function)
    return routes


async def test_a_provider_is_given_what_it_asks_for_and_other_providers():
    app = build(make_routes(greeting=greet), [Database(), *PROVIDE])
    assert (await ask(app, "/greeting", bear("grace"))).json() == "bonjour grace"
    assert (await ask(app, "/greeting?name=you")).json() == "hello you"
    assert (await ask(app, "/greeting?name=you", accept_language="fr")).json() == "bonjour you"


async def test_a_provider_is_called_once_for_each_request_that_asks_for_it():
    db = Database()
    app = build(make_routes(greeting=greet, nobody=greet_nobody), [db, *PROVIDE])
    await ask(app, "/nobody", bear())
    assert db.reads == []
    await ask(app, "/greeting", bear())
    assert db.reads == ["ada"], "two parameters asked for it"
    await ask(app, "/greeting", bear("grace"))
    assert db.reads == ["ada", "grace"], "what one request was given is another's"


async def test_a_request_that_is_refused_costs_no_provider():
    db = Database()
    app = build(make_routes(greeting=greet), [db, *PROVIDE])
    assert (await ask(app, "/greeting?color=red", bear())).status_code == 422
    assert (await ask(app, "/greeting", bear()[:-4])).status_code == 401
    assert db.reads == []


async def test_path_parameters_reach_a_provider_by_name_and_are_described():
    def find_room(number: int) -> Greeting:
        return Greeting(f"room {number}")

    async def read_room(greeting: Greeting) -> str:
        return greeting

    routes = Routes("/rooms", access=PUBLIC)
    routes.get("/{number:int}")(read_room)
    app = build(routes, [find_room])
    assert (await ask(app, "/rooms/7")).json() == "room 7"
    described = (await ask(app, "/openapi.json")).json()["paths"]["/rooms/{number}"]["get"]["parameters"]
    assert [(it["name"], it["in"], it["schema"]) for it in described] == [("number", "path", {"type": "integer"})]


async def test_an_error_of_a_provider_is_answered_like_one_of_a_handler():
    def refuse() -> Greeting:
        raise not_found("The room")

    def fail() -> Viewer:
        raise RuntimeError

    async def read_viewer(viewer: Viewer) -> str:
        return viewer.name

    async def read_greeting(greeting: Greeting) -> str:
        return greeting

    app = build(make_routes(a=read_greeting, b=read_viewer), [refuse, fail])
    refused = await ask(app, "/a")
    assert (refused.status_code, refused.json()["detail"]) == (404, "The room does not exist.")
    with capture_logs():
        failed = await ask(app, "/b")
    assert (failed.status_code, failed.json()["type"]) == (500, "urn:problem:internal")


async def test_the_request_of_a_provider_has_no_body_so_the_route_still_has_it():
    async def peek(request: Request) -> Greeting:
        with pytest.raises(RuntimeError):
            await request.body()
        return Greeting("peeked")

    async def create(greeting: Greeting, data: Viewer) -> str:
        return f"{greeting} {data.name}"

    routes = Routes("/", access=PUBLIC)
    routes.post("/rooms")(create)
    viewer = {"name": "ada", "language": "en"}
    response = await ask(build(routes, [peek]), "/rooms", method="POST", json=viewer)
    assert (response.status_code, response.json()) == (201, "peeked ada")


def ask_back(viewer: Viewer) -> Greeting:
    return Greeting(viewer.name)


def ask_forth(greeting: Greeting) -> Viewer:
    return Viewer(greeting, "")


def find_some_viewer() -> Viewer | None:
    return None


def take_text(text: str) -> Viewer:
    return Viewer(text, "")


def take_key(key: IdempotencyKey) -> Viewer:
    return Viewer(str(key), "")


def take_by_position(caller: Caller | None, /) -> Viewer:
    return Viewer(str(caller), "")


def need_caller(caller: Caller) -> Viewer:
    return Viewer(caller.id, "")


def say_nothing():
    return Viewer("", "")


async def make_session() -> AsyncGenerator[Viewer]:
    yield Viewer("", "")


def make_text() -> str | None:
    return None


async def read_viewer(viewer: Viewer) -> str:
    return viewer.name


NOTHING = "nothing is of this type; add it to what app.py provides"


@pytest.mark.parametrize(
    ("provide", "mend"),
    [
        ([ask_back, ask_forth], r"ask for each other: \S*ask_forth → \S*ask_back → \S*ask_forth"),
        ([find_some_viewer], r"write `viewer: \S*Viewer \| None`, or raise a Problem there"),
        ([need_caller, need_caller], "app.py provides 2 of them; give each a class of its own"),
        ([need_caller, Viewer("", "")], "app.py provides 2 of them; give each a class of its own"),
        ([take_text], rf"GET /a, \S*read_viewer, parameter `viewer: .*take_text, parameter `text: str`: {NOTHING}"),
        ([take_key], rf"take_key, parameter `key: \S*IdempotencyKey`: {NOTHING}"),
        ([need_caller], r"need_caller, parameter `caller: \S*Caller`: the token is optional; write `Caller \| None`"),
        (
            [take_by_position],
            r"take_by_position, parameter `caller: .*`: arguments are passed by name; leave out the `/`",
        ),
        ([say_nothing], r"say_nothing; annotate it with what it returns: a class of your own"),
        ([make_session], r"make_session; annotate it with what it returns: a class of your own"),
        ([make_text], r"make_text; annotate it with what it returns: a class of your own"),
    ],
)
def test_what_cannot_be_bound_keeps_the_service_from_starting_and_says_what_to_write(provide: list[object], mend: str):
    with pytest.raises(TypeError, match=mend):
        build(make_routes(a=read_viewer), provide)


def test_a_provider_that_asks_for_the_caller_is_nothing_for_a_public_route():
    routes = Routes("/", access=PUBLIC)
    routes.get("/a")(greet)
    with pytest.raises(AccessError, match=r"GET /a, .*nobody is known on a public route; give it `access=NEEDS_TOKEN`"):
        build(routes, [Database(), *PROVIDE])


async def test_a_provider_serves_routes_that_need_a_token_and_others():
    routes = make_routes(any=greet)
    routes.get("/mine", access=NEEDS_TOKEN)(greet)
    app = build(routes, [Database(), *PROVIDE])
    assert (await ask(app, "/mine")).status_code == 401
    assert (await ask(app, "/mine", bear())).json() == "hello ada"
    assert (await ask(app, "/any")).json() == "hello "
