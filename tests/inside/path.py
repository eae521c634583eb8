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
from uuid import uuid4

import service
from service.app import build
from service.kit.migrate import apply_pending
from service.kit.server import read_settings
from service.settings import Settings
from service_tools.dev import credentials, embedded

SOURCE = str(Path(service.__file__).parent)


class Trail:
    """The files through which calls went, in order."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.frames: list[FrameType] = []

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Take a call. A coroutine that goes on after it waited is called again, and does not count."""
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(SOURCE) and not any(known is frame for known in self.frames):
            self.frames.append(frame)
            if self.files[-1:] != [name]:
                self.files.append(name)


async def follow(settings: Settings) -> list[str]:
    """Return the files that the second of two requests passes: the first one opens a connection."""
    async for _ in apply_pending(settings.database, settings.migrations):
        pass
    app, trail = build(settings), Trail()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    messages.put_nowait({"type": "lifespan.startup"})
    living = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, messages.get, told.put))
    assert (await told.get())["type"] == "lifespan.startup.complete"
    token = credentials.sign(Settings) or ""
    for profile in (None, trail.note):
        headers = [(b"host", b"here"), (b"authorization", f"Bearer {token}".encode())]
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": f"/v1/orders/{uuid4()}",
            "headers": headers,
        }
        scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "scheme": "http", "root_path": "", "raw_path": b""}
        sys.setprofile(profile)
        await app(scope, messages.get, told.put)
        sys.setprofile(None)
        assert (await told.get())["status"] == 404
    messages.put_nowait({"type": "lifespan.shutdown"})
    await living
    return trail.files


def shorten(files: Iterable[str]) -> list[str]:
    """Return paths from the package on."""
    return [str(Path(file).relative_to(SOURCE)) for file in files]


def main() -> None:
    """Print the number of files and of hops; with `--list` also which."""
    with tempfile.TemporaryDirectory(prefix="path-") as folder, embedded.run(Path(folder, ".postgres")) as url:
        os.environ["DATABASE_URL"] = url
        credentials.provide(Settings)
        files = asyncio.run(follow(read_settings(Settings)))
    if "--list" in sys.argv:
        print("\n".join(shorten(files)), file=sys.stderr)
    print(json.dumps([len(set(files)), len(files) - 1]))


if __name__ == "__main__":
    main()
