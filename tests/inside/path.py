"""What a GET by key passes on its way: `python -m inside.path` prints how many files, and how many hops between them.

A hop is a call from one file of the service into another. Code of libraries does not count.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

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


async def follow(settings: Settings) -> list[str]:
    """Return the files that a GET of an order by its key passes, once the connections are open."""
    async for _ in apply_pending(settings.database, settings.migrations):
        pass
    async with Database(settings.database) as db:
        await database.fill(db, SEED, 1)
    app, trail = build(settings), Trail()
    events: asyncio.Queue[Any] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    events.put_nowait({"type": "lifespan.startup"})
    living = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, events.get, told.put))
    assert (await told.get())["type"] == "lifespan.startup.complete"
    token = credentials.sign_development_token(Settings)
    listed = json.loads(await ask(app, token, "/v1/orders"))
    path = f"/v1/orders/{listed['data'][0]['id']}"
    await ask(app, token, path)
    sys.setprofile(trail.note)
    await ask(app, token, path)
    sys.setprofile(None)
    events.put_nowait({"type": "lifespan.shutdown"})
    await living
    return trail.files


async def ask(app: asgi.App, token: str, path: str) -> bytes:
    """Return the body of the answer to a GET, as the server would ask for it."""
    headers = [(b"host", b"here"), (b"authorization", f"Bearer {token}".encode())]
    scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "headers": headers}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "scheme": "http", "root_path": "", "raw_path": b""}
    sent: list[Any] = []

    async def send(message: asgi.Message) -> None:
        sent.append(message)

    async def receive() -> asgi.Message:
        return {"type": "http.disconnect"}

    await app(scope, receive, send)
    assert sent[0]["status"] == 200, sent
    return b"".join(message["body"] for message in sent[1:])


def shorten(files: Iterable[str]) -> list[str]:
    """Return paths from the package on."""
    return [str(Path(file).relative_to(SOURCE)) for file in files]


def main() -> None:
    """Print the number of files and of hops; with `--list` also which."""
    with (
        tempfile.TemporaryDirectory(prefix="path-") as folder,
        embedded.run_postgresql(Path(folder, ".postgres")) as url,
    ):
        os.environ["DATABASE_URL"] = url
        credentials.accept_development_tokens(Settings)
        files = asyncio.run(follow(read_settings(Settings)))
    if "--list" in sys.argv:
        print("\n".join(shorten(files)), file=sys.stderr)
    print(json.dumps([len(set(files)), len(files) - 1]))


if __name__ == "__main__":
    main()
