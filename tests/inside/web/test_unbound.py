"""The first words to those who come from FastAPI: the service does not start, and says what to write instead.

FastAPI itself is no package of a service: a class of the same name in a module of its name stands for it.
"""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from inside.guarded import build
from msgspec import Struct
from pydantic import BaseModel
from service.kit.web.access import PUBLIC
from service.kit.web.routes import Routes
from starlette.background import BackgroundTasks
from starlette.responses import Response


def pretend(name: str) -> Any:
    """Return an instance of a class of FastAPI's `params`."""
    return type(name, (), {"__module__": "fastapi.params"})()


class Model(BaseModel):
    name: str


class Order(Struct):
    name: str


@dataclass
class Record:
    name: str


class Fields(TypedDict):
    name: str


async def take_model(data: Model) -> None: ...
async def take_record(data: Record) -> None: ...
async def take_fields(data: Fields | None) -> None: ...
async def take_number(number: int = pretend("Query")) -> None: ...
async def take_annotated(number: Annotated[int, pretend("Query")] = 1) -> None: ...
async def take_dependency(name: Annotated[str, pretend("Depends")]) -> None: ...
async def take_body(name: str = pretend("Body")) -> None: ...
async def take_header(agent: str | None = pretend("Header")) -> None: ...
async def take_set(ids: set[int]) -> None: ...
async def take_tasks(tasks: BackgroundTasks) -> None: ...
async def take_response(response: Response) -> None: ...
async def take_two(data: Order, ids: list[int]) -> None: ...
def take_nothing() -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (take_model, r"take_model, parameter `data: \S*Model`: a body is a Struct of msgspec: `class Model\(Struct\)`"),
        (take_model, "a group of settings belongs into `provide` in app.py"),
        (take_record, r"a body is a Struct of msgspec: `class Record\(Struct\)`"),
        (take_fields, r"a body is a Struct of msgspec: `class Fields\(Struct\)`"),
        (take_dependency, "add its function to `provide` in app.py, and ask for the type that it returns"),
        (take_number, r"write its limits as `Annotated\[int, Meta\(ge=1\)\]`, and its default alone"),
        (take_annotated, r"write its limits as `Annotated\[int, Meta\(ge=1\)\]`"),
        (take_body, "leave it out: a Struct is the body"),
        (take_header, "read it from `request: Request`"),
        (take_set, "write a list; it may be given several times in the query string"),
        (take_tasks, r"enqueue a job: `await enqueue\(connection, job, argument\)`"),
        (take_response, r"return `Reply\(body, status, headers\)`"),
        (take_two, "`data` is its body already; a list that is in the query string is a field of a Filter"),
        (take_nothing, r"make it an async function, and call what blocks by `await offload.in_thread\(…\)`"),
    ],
)
def test_what_another_framework_understands_says_what_to_write_instead(function: Any, words: str):
    routes = Routes("/", access=PUBLIC)
    routes.post("/orders")(function)
    with pytest.raises(TypeError, match=r"^POST /orders, ") as raised:
        build(routes)
    assert raised.match(words)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("response_model", "annotate the function with what it returns"),
        ("status_code", "write `status=`"),
        ("dependencies", "write `access=`, or ask for what app.py provides"),
        ("acess", "known are access, limit, summary, status"),
    ],
)
def test_an_option_that_a_route_does_not_have_is_refused(option: str, words: str):
    options: Any = {option: 1}
    with pytest.raises(TypeError, match=f"GET /v1/orders has no option `{option}`: {words}"):
        Routes("/v1", access=PUBLIC).get("/orders", **options)
