"""A service of WebSockets, in a process of its own: `python -m inside.talking`."""

import asyncio

from service.kit import web
from service.kit.auth import Auth, IssuerOptions
from service.kit.db import Database, Query
from service.kit.edge.edge import Edge
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web import NEEDS_TOKEN, PUBLIC, Caller, Routes, Slice, Socket, not_found
from service.kit.work import asgi
from starlette.websockets import WebSocket, WebSocketDisconnect

NAP = Query("select 1 as id from pg_sleep(60)", int)


class Settings(KitSettings):
    """The kit's settings, and those of an issuer."""

    auth: IssuerOptions


routes = Routes("/", access=PUBLIC)
ends: list[str] = []
"""How handlers have ended."""


@routes.get("/ends")
async def list_ends() -> list[str]:
    return ends


@routes.websocket("/doubled")
async def double(socket: Socket[int, dict[str, int]]) -> None:
    """Answer each number with twice as much, until there is a zero."""
    async for number in socket:
        if not number:
            break
        await socket.send({"doubled": 2 * number})
    ends.append("doubled")


@routes.websocket("/me", access=NEEDS_TOKEN)
async def greet(socket: Socket[str, str], caller: Caller) -> None:
    """Say who is there, and stay."""
    await socket.send(caller.id)
    async for text in socket:
        await socket.send(text)
    ends.append("me")


@routes.websocket("/rooms/{number:int}")
async def enter_room(socket: Socket[str, str], number: int) -> None:
    """Refuse all rooms but one before they are entered."""
    if number != 1:
        raise not_found(f"Room {number}")
    await socket.send("welcome")


@routes.websocket("/failing")
async def fail(socket: Socket[str, str]) -> None:
    await socket.send("soon")
    raise RuntimeError("planted")


@routes.websocket("/unopened")
async def wait_unopened(socket: WebSocket) -> None:
    await asyncio.Event().wait()


@routes.websocket("/broken")
async def fail_unopened(socket: WebSocket) -> None:
    raise RuntimeError("planted")


@routes.websocket("/closed")
async def close_unopened(socket: WebSocket) -> None:
    await socket.close()


@routes.websocket("/plain")
async def echo(socket: WebSocket) -> None:
    """Echo as Starlette does it, and notice the end."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect as error:
        ends.append(f"plain {error.code}")


@routes.websocket("/quiet")
async def stay_quiet(socket: Socket[str, str]) -> None:
    """Never listen, and never end."""
    await socket.open()
    try:
        await asyncio.Event().wait()
    finally:
        ends.append("quiet")


@routes.websocket("/flood")
async def flood(socket: Socket[str, str]) -> None:
    """Send as much as the client takes."""
    try:
        while True:
            await socket.send("x" * 10_000)
    finally:
        ends.append("flood")


@routes.websocket("/holding")
async def hold_connection(socket: Socket[str, str], db: Database) -> None:
    """Wait for PostgreSQL, on a connection of the pool."""
    await socket.open()
    try:
        async with db.transaction() as connection:
            await connection.fetch_one(NAP)
    finally:
        ends.append("holding")


def create() -> asgi.App:
    """Return the application as a server process makes it."""
    settings = read_settings(Settings)
    configure_logs(settings.log)
    db = Database(settings.database)
    app = web.build([Slice(routes)], provide=[db], resources=[db], auth=Auth(settings.auth))
    return Edge(app, settings.edge)


if __name__ == "__main__":
    settings = read_settings(Settings)
    configure_logs(settings.log)
    serve("inside.talking:create", settings.server, metrics=settings.metrics)
