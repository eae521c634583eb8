"""A small application behind the edge, for tests of what real connections may do to a server."""

import asyncio
import sys

import msgspec
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.server.http_server import ServerOptions, serve
from service.kit.work import asgi, responses

LIMITS = EdgeOptions(body_bytes=100_000, body_grace=1, body_rate=1_000, stall_timeout=1, concurrency=2_000)

streams = 0


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    """Read the body and say how long it was, stream without an end, or tell how the process is."""
    match scope["path"]:
        case "/stream":
            await stream(send)
        case "/state":
            state = {"streams": streams, "tasks": len(asyncio.all_tasks())}
            await responses.respond(send, 200, msgspec.json.encode(state), b"application/json")
        case _:
            length = 0
            while (message := await receive())["type"] == "http.request":
                length += len(message["body"])
                if not message["more_body"]:
                    break
            await responses.respond(send, 200, str(length).encode(), b"text/plain")


async def stream(send: asgi.Send) -> None:
    """Send 64 KiB again and again."""
    global streams
    streams += 1
    try:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
    finally:
        streams -= 1


async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    """Answer the server's questions about start and end, and requests."""
    if scope["type"] == "http":
        return await answer(scope, receive, send)
    for part in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{part}.complete"})


def create() -> asgi.App:
    """Return the application as each server process makes it."""
    return Edge(app, LIMITS)


if __name__ == "__main__":
    serve("inside.echo:create", ServerOptions(port=int(sys.argv[1])))
