# kit: updated by the template; extend it from app.py
"""`service perf bench`: the CPU time of small pieces without I/O, such as building rows."""

import asyncio
import platform
from collections.abc import Callable, Mapping, Sequence
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
from service_tools.perf.ratios import bound_median
from service_tools.sql.samples import fetch_arguments, rolled_back

FILE = Path(".perf/bench.json")

BATCH_SECONDS = 0.002
"""Seconds of CPU that a batch of calls takes, at least."""

BATCHES = 60
"""How many batches of each piece are timed."""

NOISE = 1.15
"""Two processes of the same program differ by less."""

COLUMNS = {
    "piece": "",
    "against the saved time": "",
    "ns of CPU": ",.0f",
    "95 % interval": "",
}

type Piece = Callable[[], object]


class Time(msgspec.Struct, frozen=True):
    """Nanoseconds of CPU for one call: the median of the batches, and its 95 % interval."""

    median: float
    low: float
    high: float


@click.command(name="bench")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@ROWS
@click.option("--save", is_flag=True, help="Save the times, for later runs to be compared with.")
@click.pass_obj
def show_times(
    definition: ServiceDefinition, names: Sequence[str], rows: int | None, save: bool
) -> None:
    """Time small pieces of the kit and of the slices, and compare with saved times.

    A piece is building the rows of a statement in a `queries.py` that has a sample, or encoding
    them. NAME is a part of a name. Exits with 1 if a piece became slower by more than the noise.
    The first run on a machine saves its times in .perf/bench.json.
    """
    credentials.accept_development_tokens(definition.settings)
    with database.prepare_database(definition, rows, 1000, "perf") as settings:
        pieces = asyncio.run(find_pieces(settings.database))
    chosen = {name: piece for name, piece in pieces.items() if has_part(name, names)}
    if not chosen:
        raise click.UsageError("No piece has such a name: run `service perf bench` to see them.")
    times = measure_pieces(chosen)
    saved = read_saved_times()
    lines = []
    slower = False
    for name, time in times.items():
        verdict = compare_times(time, saved.get(name))
        slower = slower or verdict.startswith("slower")
        interval = f"{time.low:,.0f} to {time.high:,.0f}"
        lines.append([name, verdict, time.median, interval])
    page = Page("bench", "Small pieces")
    page.tabulate(COLUMNS, lines)
    page.remark("Leave alone what takes microseconds where a statement takes hundreds of them.")
    page.finish()
    if save or not saved:
        FILE.parent.mkdir(exist_ok=True)
        text = msgspec.json.encode({identify_machine(): saved | times})
        FILE.write_bytes(msgspec.json.format(text))
        click.echo(f"Saved in {FILE}.")
    elif slower:
        raise SystemExit(1)


def has_part(name: str, parts: Sequence[str]) -> bool:
    return not parts or any(part in name for part in parts)


async def find_pieces(options: Any) -> dict[str, Piece]:
    """Return what is timed, by its name.

    Statements that return rows are run with their samples, in a transaction that is rolled back.
    """
    encode = msgspec.json.Encoder().encode
    pieces = {"kit: route, bind and answer a request": make_request()}
    async with connect(options, "service perf") as connection:
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
    if query.is_scalar:
        return []
    arguments: Sequence[Any] | None = ()
    if query.params:
        arguments = await fetch_arguments(connection, query)
    if arguments is None:
        return []
    records: list[Any] = await connection.fetch(query.sql, *arguments)
    return records


def build_rows(row: Callable[..., object], records: list[Any]) -> list[object]:
    return [row(*record) for record in records]


def make_request() -> Piece:
    """Return a piece that routes, binds and answers a request. It never waits, so needs no loop."""
    routes = web.Routes("/items", access=web.PUBLIC)

    @routes.get("/{item_id:uuid}")
    async def read_item(item_id: UUID, where: Filter, limit: int = 20) -> dict[str, UUID]:
        return {"id": item_id}

    app = web.build([web.Slice(routes)])
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

    return lambda: run_to_end(app({**scope}, receive, send))


def run_to_end(work: Any) -> None:
    """Run a coroutine that never waits. An event loop would cost more than what is measured."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise RuntimeError("the code under a benchmark waited for something")


def measure_pieces(pieces: Mapping[str, Piece]) -> dict[str, Time]:
    """Return the time of each piece. They take turns, so drift affects all alike."""
    timers = {name: Timer(piece, timer=thread_time) for name, piece in pieces.items()}
    sizes = {name: choose_size(timer) for name, timer in timers.items()}
    found: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(BATCHES):
        for name, timer in timers.items():
            seconds = timer.timeit(sizes[name]) / sizes[name]
            found[name].append(seconds * 1e9)
    return {name: summarise_times(times) for name, times in found.items()}


def summarise_times(times: Sequence[float]) -> Time:
    low, high = bound_median(times, 0.05)
    return Time(median(times), low, high)


def choose_size(timer: Timer) -> int:
    """Return how many calls make a batch."""
    size = 1
    while timer.timeit(size) < BATCH_SECONDS:
        size *= 2
    return size


def identify_machine() -> str:
    """Return the machine and the Python that times must share to be compared."""
    return f"{platform.node()}, {platform.machine()}, Python {platform.python_version()}"


def read_saved_times() -> dict[str, Time]:
    """Return the times saved on this machine."""
    if not FILE.exists():
        return {}
    saved = msgspec.json.decode(FILE.read_bytes(), type=dict[str, dict[str, Time]])
    return saved.get(identify_machine(), {})


def compare_times(time: Time, saved: Time | None) -> str:
    if saved is None:
        return "new"
    ratio = time.median / saved.median
    if time.low > NOISE * saved.high:
        return f"slower: {ratio:.2f} times the saved time"
    if time.high * NOISE < saved.low:
        return f"faster: {ratio:.2f} times"
    return f"no difference ({ratio:.2f})"
