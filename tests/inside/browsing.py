"""A service that pages of other origins call, in a process of its own: `python -m inside.browsing`."""

import asyncio
from collections.abc import AsyncGenerator

from service.kit import web
from service.kit.auth import Auth, IssuerOptions
from service.kit.auth.bearer import Caller
from service.kit.edge.edge import Edge
from service.kit.edge.events import Event, EventStream
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web import NEEDS_TOKEN, PUBLIC, IdempotencyKey, Rate, Reply, Routes, Slice, Socket
from service.kit.work import asgi
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Settings(KitSettings):
    """The kit's settings, and those of an issuer."""

    auth: IssuerOptions


routes = Routes("/v1", access=NEEDS_TOKEN)
asked = {"kept": 0}


@routes.post("/notes")
async def write_note(note: dict[str, str], caller: Caller, key: IdempotencyKey | None = None) -> Reply[dict[str, str]]:
    """Answer with a note, and with headers that a page wants to read."""
    headers = {"Location": "/v1/notes/1", "Link": '</v1/notes?after=1>; rel="next"', "X-Total": "7"}
    return Reply({**note, "by": caller.id, "key": str(key)}, 201, headers)


@routes.get("/kept")
async def read_kept() -> list[int]:
    """Answer with what a browser keeps, and asks for again by its ETag."""
    asked["kept"] += 1
    return [1] * 1000


@routes.get("/kept/count", access=PUBLIC)
async def count_kept() -> int:
    return asked["kept"]


@routes.get("/once", limit=Rate(1, 600))
async def read_once() -> None:
    """Answer once."""


@routes.get("/bug")
async def fail() -> None:
    raise RuntimeError("planted")


@routes.get("/slow")
async def wait() -> None:
    """Hold the only slot for as long as the deadline lets it."""
    await asyncio.Event().wait()


@routes.get("/events")
async def send_events() -> EventStream[int]:
    async def make() -> AsyncGenerator[Event[int]]:
        for number in range(3):
            yield Event(number)

    return EventStream(make())


@routes.get("/cookie", access=PUBLIC)
async def set_cookie(request: Request) -> Response:
    """Set a cookie, and say which one was sent."""
    response = JSONResponse(request.cookies.get("name", ""))
    response.set_cookie("name", "ada")
    return response


@routes.websocket("/talk")
async def talk(socket: Socket[str, str], caller: Caller) -> None:
    """Answer with who says it."""
    async for text in socket:
        await socket.send(f"{caller.id}: {text}")


def create() -> asgi.App:
    """Return the application as a server process makes it."""
    settings = read_settings(Settings)
    configure_logs(settings.log)
    return Edge(web.build([Slice(routes)], auth=Auth(settings.auth)), settings.edge)


if __name__ == "__main__":
    settings = read_settings(Settings)
    configure_logs(settings.log)
    serve("inside.browsing:create", settings.server, metrics=settings.metrics)
