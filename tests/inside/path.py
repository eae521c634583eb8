"""What a request passes on its way: `python -m inside.path` prints how many files, and how many hops between them.

Two are walked: a GET by key, and a POST with an idempotency key that enqueues a job. A hop is a call from one file of
the service into another. Code of libraries does not count.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

import service
from service.app import build
from service.kit.db.database import Database
from service.kit.migrate.apply import apply_pending
from service.kit.server.settings import read_settings
from service.kit.work import asgi
from service.orders.seed import SEED
from service.settings import Settings
from service_tools.dev import credentials, database, embedded

SOURCE = f"{Path(service.__file__).parent}/"


class Trail:
    """The files through which calls went, in order."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.frames: list[FrameType] = []

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Take a call. A coroutine that goes on after it waited is called again, and does not count.

        Nor does what a timer calls meanwhile, which is in no task.
        """
        name = frame.f_code.co_filename
        if asyncio.current_task() is None:
            return
        if event == "call" and name.startswith(SOURCE) and not any(known is frame for known in self.frames):
            self.frames.append(frame)
            if self.files[-1:] != [name]:
                self.files.append(name)


class Client:
    """Sends requests to the application as the server would."""

    def __init__(self, app: asgi.App) -> None:
        self.app = app
        self.token = credentials.sign(Settings)

    async def get(self, path: str) -> Any:
        """Return the answer to a GET."""
        return await self.ask("GET", path, b"", [])

    async def create_order(self) -> Any:
        """Return the answer to a POST that was never sent before."""
        order = {"reference": uuid4().hex, "customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1999}
        body = json.dumps(order | {"item_count": 1}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"idempotency-key", uuid4().hex.encode()),
        ]
        return await self.ask("POST", "/v1/orders", body, headers)

    async def ask(self, method: str, path: str, body: bytes, headers: asgi.Headers) -> Any:
        """Return what the body of an answer holds."""
        headers = [(b"host", b"here"), (b"authorization", f"Bearer {self.token}".encode()), *headers]
        scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": method, "path": path}
        scope |= {"headers": headers, "query_string": b"", "client": ("127.0.0.1", 1), "scheme": "http"}
        scope |= {"root_path": "", "raw_path": b""}
        sent: list[Any] = []

        async def send(message: asgi.Message) -> None:
            sent.append(message)

        async def receive() -> asgi.Message:
            return {"type": "http.request", "body": body}

        await self.app(scope, receive, send)
        assert sent[0]["status"] in (200, 201), sent
        return json.loads(b"".join(message["body"] for message in sent[1:]))


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncGenerator[Client]:
    """Run the application on a database with one sample order."""
    async for _ in apply_pending(settings.database, settings.migrations):
        pass
    async with Database(settings.database) as db:
        await database.fill(db, SEED, 1)
    app = build(settings)
    events: asyncio.Queue[Any] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    events.put_nowait({"type": "lifespan.startup"})
    living = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, events.get, told.put))
    assert (await told.get())["type"] == "lifespan.startup.complete"
    yield Client(app)
    events.put_nowait({"type": "lifespan.shutdown"})
    await living


async def walk(settings: Settings) -> dict[str, list[str]]:
    """Return the files that each request passes, once the connections are open, by its method."""
    trails = {"GET": Trail(), "POST": Trail()}
    async with open_client(settings) as client:
        listed = await client.get("/v1/orders")
        path = f"/v1/orders/{listed['data'][0]['id']}"
        await client.get(path)
        sys.setprofile(trails["GET"].note)
        await client.get(path)
        sys.setprofile(None)
        await client.create_order()
        sys.setprofile(trails["POST"].note)
        await client.create_order()
        sys.setprofile(None)
    return {method: shorten(trail.files) for method, trail in trails.items()}


def shorten(files: Iterable[str]) -> list[str]:
    """Return paths from the package on."""
    return [str(Path(file).relative_to(SOURCE)) for file in files]


def main() -> None:
    """Print the number of files and of hops of each request as JSON, after the files themselves with `--list`."""
    with tempfile.TemporaryDirectory(prefix="path-") as folder, embedded.run(Path(folder, ".postgres")) as url:
        os.environ["DATABASE_URL"] = url
        credentials.provide(Settings)
        passed = asyncio.run(walk(read_settings(Settings)))
    if "--list" in sys.argv:
        print(json.dumps(passed))
    print(json.dumps({method: [len(set(files)), len(files) - 1] for method, files in passed.items()}))


if __name__ == "__main__":
    main()
