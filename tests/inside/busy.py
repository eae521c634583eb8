"""A small application on the kit's server that blocks its event loop, or works beside it, as it is told."""

import asyncio
import os
import re
import sys
import time
from pathlib import Path

import msgspec
from inside import offloaded
from inside.logged import parse_log, split_lines
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.offload.offload import Offload, OffloadOptions
from service.kit.server.http_server import ServerOptions, serve
from service.kit.server.logs import LogOptions, configure_logs
from service.kit.server.watchdog import WatchdogOptions
from service.kit.work import asgi, responses

LIMITS = OffloadOptions(threads=8, thread_waiters=4, thread_wait=2, processes=1, drain_timeout=1)
WATCH = WatchdogOptions(stuck=float(os.environ.get("STUCK", "1.5")))
ONE = Query("select 1", int)


class Application:
    """Answers with what came of the call that the path names. The query is its number."""

    def __init__(self) -> None:
        self.db = Database(DatabaseOptions(url=SecretStr(os.environ["DATABASE"]), pool_size=2))
        self.offload = Offload(LIMITS)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "lifespan":
            return await self.live(receive, send)
        scope["path_template"] = scope["path"]
        result = await self.run(scope["path"], float(scope["query_string"] or 0))
        await responses.respond(send, 200, msgspec.json.encode(result), b"application/json")

    async def live(self, receive: asgi.Receive, send: asgi.Send) -> None:
        await receive()
        async with self.db, self.offload:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def run(self, path: str, number: float) -> object:
        match path:
            case "/sleep":
                time.sleep(number)  # noqa: ASYNC251 - the fault
            case "/hold":
                letters = "a" * int(number or 50)  # of which 50 take years, and the GIL
                return bool(re.match("(a+)+$", letters + "b"))
            case "/power":
                return bool(pow(3, 10**9))  # takes minutes, and the GIL
            case "/thread":
                return await self.offload.in_thread(time.sleep, number)
            case "/process":
                return await self.offload.in_process(offloaded.compute, number)
            case "/database":
                return await self.db.fetch_one(ONE)
            case "/wait":
                await asyncio.sleep(number)
        return os.getpid()


def create() -> asgi.App:
    configure_logs(LogOptions())
    return Edge(Application(), EdgeOptions(request_timeout=float(os.environ["TIMEOUT"])))


class Output:
    """What the server has printed since the test began."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "output"
        self.start = self.file.stat().st_size

    def read(self) -> str:
        return self.file.read_text()[self.start :]

    def find(self, event: str) -> list[dict]:
        """Return the lines of the log for what begins like this."""
        return [line for line in parse_log(split_lines(self.read())) if line["event"].startswith(event)]


if __name__ == "__main__":
    configure_logs(LogOptions())
    options = ServerOptions(port=int(sys.argv[1]), drain_timeout=2, kill_timeout=6)
    serve("inside.busy:create", options, watchdog=WATCH)
