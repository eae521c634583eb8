"""A service whose requests block the event loop, fail half-way, or call one that is away."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from service.kit.calls.client import make_client
from service.kit.calls.options import ClientOptions
from service.kit.edge.edge import Edge
from service.kit.server.http_server import ServerOptions, serve
from service.kit.server.metrics_endpoint import MetricsOptions
from service.kit.server.watchdog import WatchdogOptions
from service.kit.work import asgi, responses

from tests.kit.processes import ROOT, find_port, start, wait_until_live

ISSUER = "http://127.0.0.1:9"
"""Nothing listens on the port of `discard`."""


async def application(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    if scope["type"] == "lifespan":
        await send({"type": f"{(await receive())['type']}.complete"})
        return await send({"type": f"{(await receive())['type']}.complete"})
    scope["path_template"] = scope["path"]
    match scope["path"]:
        case "/block":
            time.sleep(60)  # noqa: ASYNC251 - the fault
        case "/v1/orders":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise LookupError("in the middle of the response")
        case "/call":
            async with make_client(ClientOptions(retries=0)) as client:
                await client.get(f"{ISSUER}/jwks")
    await responses.respond(send, 200, b"done", b"text/plain")


def create() -> asgi.App:
    return Edge(application)


@contextmanager
def run(folder: Path) -> Generator[tuple[str, int]]:
    """Serve it until the block ends, and yield its address and the port of its metrics."""
    port, metrics_port = find_port(), find_port()
    command = [sys.executable, "-m", "inside.alerts.troubled"]
    ports = {"PORT": str(port), "PORT_OF_METRICS": str(metrics_port)}
    with start(cwd=folder, command=command, PYTHONPATH=str(ROOT), **ports) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_live(process, url)
        yield url, metrics_port


if __name__ == "__main__":
    serve(
        "inside.alerts.troubled:create",
        ServerOptions(port=int(os.environ["PORT"])),
        metrics=MetricsOptions(port=int(os.environ["PORT_OF_METRICS"])),
        watchdog=WatchdogOptions(stuck=1),
    )
