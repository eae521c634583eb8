"""An application that takes a body of each kind, in this process or on a real server."""

import sys
from typing import Annotated, Any

from msgspec import Meta, Struct
from service.kit import web
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.server.http_server import ServerOptions, serve
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi
from starlette.requests import Request


class Leaf(Struct, forbid_unknown_fields=True):
    name: str
    size: int = 1


class Tree(Struct, forbid_unknown_fields=True):
    name: str
    leaves: list[Leaf] = []
    share: float = 0.5
    note: str | None = None
    anything: object = None


class Loose(Struct):
    """It takes fields that it does not know, and drops them."""

    name: str
    leaves: list[Leaf] = []


class Cat(Struct, tag="cat", forbid_unknown_fields=True):
    lives: Annotated[int, Meta(ge=0, le=9)]


class Dog(Struct, tag="dog"):
    friends: list["Cat | Dog"] = []


routes = Routes("/", access=PUBLIC)


@routes.post("/struct")
async def take_struct(data: Tree) -> None:
    """Take a struct."""


@routes.post("/loose")
async def take_loose(data: Loose) -> None:
    """Take a struct of which some fields are known."""


@routes.post("/list")
async def take_list(data: list[Tree]) -> None:
    """Take a list."""


@routes.post("/dict")
async def take_dict(data: dict[str, Any]) -> None:
    """Take whatever has names."""


@routes.post("/union")
async def take_union(data: Cat | Dog) -> None:
    """Take one of two."""


@routes.post("/nothing")
async def take_nothing(data: Tree | None) -> None:
    """Take a struct, or null."""


@routes.post("/json")
async def take_json(request: Request) -> None:
    """Take any JSON, read by the function itself."""
    await request.json()


@routes.post("/form")
async def take_form(request: Request) -> dict[str, str]:
    """Take a form, and return its fields and the text of its files."""
    async with request.form() as form:
        return {name: value if isinstance(value, str) else "a file" for name, value in form.items()}


@routes.post("/form/awaited")
async def take_awaited_form(request: Request) -> int:
    """Take a form, and return how many fields it has."""
    form = await request.form()
    await form.close()
    return len(form)


@routes.get("/query")
async def take_query(number: int = 0, share: float = 0, name: str = "", new: bool = False) -> None:
    """Take the parameters of a query string."""


@routes.get("/numbers/{number:int}")
async def take_number(number: int) -> None:
    """Take a number of the path."""


@routes.get("/names/{name}")
async def take_name(name: str) -> None:
    """Take a name of the path."""


def create() -> asgi.App:
    """Return the application as each server process makes it."""
    return Edge(web.build([Slice(routes)]), EdgeOptions(log=False))


if __name__ == "__main__":
    serve("inside.taking:create", ServerOptions(port=int(sys.argv[1])))
