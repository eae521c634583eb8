"""What small pieces of the kit cost. `tests/performance/pieces.py` runs it inside of a generated service."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module
from statistics import median
from time import thread_time
from timeit import Timer
from typing import Any
from uuid import UUID

import msgspec
from service import app
from service.kit import PACKAGE, web
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.query import find_queries
from service.kit.db.sessions import connect
from service.kit.rows.listing import Filter
from service.settings import Settings
from service_tools.dev import credentials, database
from service_tools.sql.samples import fetch_arguments, rolled_back

BATCH_SECONDS = 0.002
BATCHES = 60
ROWS = 1000

type Piece = Callable[[], object]


def main() -> None:
    """Measure and print: the median of the batches of each piece, which take turns."""
    definition = ServiceDefinition(Settings, app.SLICES, "service.app:create")
    credentials.accept_development_tokens(Settings)
    with redirect_stdout(sys.stderr), database.prepare_database(definition, ROWS, ROWS, "perf") as settings:
        pieces = asyncio.run(find_pieces(settings.database))
    timers = {name: Timer(piece, timer=thread_time) for name, piece in pieces.items()}
    sizes = {name: choose_size(timer) for name, timer in timers.items()}
    found: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(BATCHES):
        for name, timer in timers.items():
            found[name].append(timer.timeit(sizes[name]) / sizes[name] * 1e6)
    for name, times in found.items():
        print(f"{name}: {median(times):.1f} µs of processor time")


def choose_size(timer: Timer) -> int:
    """Return how many calls make a batch."""
    size = 1
    while timer.timeit(size) < BATCH_SECONDS:
        size *= 2
    return size


async def find_pieces(options: Any) -> dict[str, Piece]:
    """Return what is timed, by its name. Statements are run with their samples, and rolled back."""
    encode = msgspec.json.Encoder().encode
    pieces = {"route, bind and answer a request": make_request()}
    async with connect(options, "pieces") as connection:
        for name, query in find_queries(import_module(PACKAGE)):
            async with rolled_back(connection):
                records = await fetch_records(connection, query)
            if records:
                build = partial(build_rows, query.make_row, records)
                pieces[f"{name}: build {len(records)} rows"] = build
                pieces[f"{name}: encode {len(records)} rows"] = partial(encode, build())
    return pieces


async def fetch_records(connection: Any, query: Any) -> list[Any]:
    """Return the rows of a statement run with its sample; none without one."""
    arguments: Sequence[Any] | None = await fetch_arguments(connection, query) if query.params else ()
    if query.is_scalar or arguments is None:
        return []
    return list(await connection.fetch(query.sql, *arguments))


def build_rows(row: Callable[..., object], records: list[Any]) -> list[object]:
    return [row(*record) for record in records]


def make_request() -> Piece:
    """Return a piece that routes, binds and answers a request. It never waits, so needs no event loop."""
    routes = web.Routes("/items", access=web.PUBLIC)

    @routes.get("/{item_id:uuid}")
    async def read_item(item_id: UUID, where: Filter, limit: int = 20) -> dict[str, UUID]:
        return {"id": item_id}

    built = web.build([web.Slice(routes)])
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/items/{UUID(int=1)}",
        "query_string": b"limit=5",
        "headers": [],
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: object) -> None:
        pass

    return lambda: run_to_end(built({**scope}, receive, send))


def run_to_end(work: Any) -> None:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise RuntimeError("the code under a benchmark waited for something")


if __name__ == "__main__":
    main()
