# kit: updated by the template; extend it from app.py
"""`service perf bench`: what small pieces cost without I/O, such as building rows, encoding, and
binding a request.
"""

import asyncio
import platform
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from time import thread_time
from timeit import Timer
from typing import Any
from uuid import UUID

import click
import msgspec

from service.kit import PACKAGE, web
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.query import find_queries
from service.kit.db.sessions import connect
from service.kit.rows.listing import Filter
from service_tools.dev import credentials, database
from service_tools.pages import Page
from service_tools.perf.commands import ROWS
from service_tools.perf.compare import bound
from service_tools.sql import plans

FILE = Path(".perf/bench.json")
BATCH_SECONDS, BATCHES = 0.002, 60
"""CPU time of a batch of calls, at least, and how many there are. All pieces take turns, so drift
reaches all."""

NOISE = 1.15
"""Two processes of the same program differ by less; what is beyond is a difference of the
program."""

type Call = Callable[[], object]


class Time(msgspec.Struct, frozen=True):
    """Nanoseconds of CPU for one call: the median of the batches, and the interval that it lies in
    but for 5 %.
    """

    median: float
    low: float
    high: float


@click.command(name="bench")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@ROWS
@click.option("--save", is_flag=True, help="Save the times as what later runs are compared with.")
@click.pass_obj
def command(
    definition: ServiceDefinition, names: tuple[str, ...], rows: int | None, save: bool
) -> None:
    """Time small pieces of the kit and of the slices, and compare with the times saved on this
    machine.

    For each statement in a `queries.py` with a sample: building its rows, and encoding them. NAME
    is a part of a name. Exits with 1 when a piece became slower beyond the noise. The first run
    saves its times in .perf/bench.json.
    """
    credentials.provide(definition.settings)
    with database.prepare(definition, rows, 1000, "perf") as settings:
        records = asyncio.run(fetch(settings.database))
    pieces = {"kit: route, bind and answer a request": make_request()} | dict(
        list_statements(records)
    )
    pieces = {
        name: call
        for name, call in pieces.items()
        if not names or any(part in name for part in names)
    }
    if not pieces:
        raise click.UsageError(
            "No benchmark has such a name: run `service perf bench` to see them all."
        )
    times = measure(pieces)
    saved = read()
    lines = [
        (name, judge(it, saved.get(name)), f"{it.median:,.0f}", f"{it.low:,.0f} to {it.high:,.0f}")
        for name, it in times.items()
    ]
    page = Page("bench", "Small pieces")
    page.tabulate(["piece", "against the saved time", "ns of CPU", "95 % interval"], lines)
    page.remark("Leave alone what takes microseconds where a statement takes hundreds of them.")
    page.finish()
    if save or not saved:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode({identify(): saved | times})))
        click.echo(f"Saved in {FILE}.")
    elif any(is_slower(it, saved.get(name)) for name, it in times.items()):
        raise SystemExit(1)


async def fetch(options: Any) -> dict[str, tuple[Any, list[Any]]]:
    """Return each statement that returns rows with some of them, run with its sample in a
    transaction rolled back.
    """
    found = {}
    async with connect(options, "service perf") as connection:
        for name, query in find_queries(import_module(PACKAGE)):
            async with plans.undone(connection):
                arguments = await plans.fetch_arguments(connection, query) if query.params else ()
                if not query.is_scalar and arguments is not None:
                    found[name] = query, await connection.fetch(query.sql, *arguments)
    return {name: (query, records) for name, (query, records) in found.items() if records}


def build(row: Callable[..., object], records: list[Any]) -> list[object]:
    return [row(*record) for record in records]


def list_statements(records: Mapping[str, tuple[Any, list[Any]]]) -> Iterator[tuple[str, Call]]:
    """Yield what builds the rows of each statement, and what encodes them."""
    encode = msgspec.json.Encoder().encode
    for name, (query, found) in records.items():
        made = [query.row(*record) for record in found]
        yield f"{name}: build {len(found)} rows", partial(build, query.row, found)
        yield f"{name}: encode {len(found)} rows", partial(encode, made)


def make_request() -> Call:
    """Return what routes, binds and answers a request. It never waits: no loop is needed."""
    routes = web.Routes("/items", access=web.PUBLIC)

    @routes.get("/{item_id:uuid}")
    async def read(item_id: UUID, where: Filter, limit: int = 20) -> dict[str, UUID]:
        return {"id": item_id}

    app = web.build([web.Slice(routes)])
    path = f"/items/{UUID(int=1)}"
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"limit=5",
        "headers": [],
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: object) -> None:
        pass

    return lambda: drive(app({**scope}, receive, send))


def drive(work: Any) -> None:
    """Run a coroutine that never waits to its end: an event loop would cost more than what is
    measured.
    """
    try:
        work.send(None)
    except StopIteration:
        return
    raise RuntimeError("the code under a benchmark waited for something")


def measure(pieces: Mapping[str, Call]) -> dict[str, Time]:
    """Return the time of each piece: of CPU, so that time in which this thread was not running does
    not count.
    """
    timers, sizes = (
        {name: Timer(call, timer=thread_time) for name, call in pieces.items()},
        dict.fromkeys(pieces, 1),
    )
    for name, timer in timers.items():
        while timer.timeit(sizes[name]) < BATCH_SECONDS:
            sizes[name] *= 2
    found: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(BATCHES):
        for name, timer in timers.items():
            found[name].append(timer.timeit(sizes[name]) / sizes[name] * 1e9)
    return {name: Time(median(times), *bound(times, 0.05)) for name, times in found.items()}


def identify() -> str:
    """Return what times must have in common to be compared."""
    return f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}"


def read() -> dict[str, Time]:
    """Return the times saved on this machine."""
    if not FILE.exists():
        return {}
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, dict[str, Time]]).get(
        identify(), {}
    )


def is_slower(it: Time, old: Time | None) -> bool:
    return old is not None and it.low > NOISE * old.high


def judge(it: Time, old: Time | None) -> str:
    if old is None:
        return "new"
    ratio = it.median / old.median
    if is_slower(it, old):
        return f"slower: {ratio:.2f} times the saved time"
    return (
        f"faster: {ratio:.2f} times"
        if it.high * NOISE < old.low
        else f"no difference ({ratio:.2f})"
    )
