# kit: updated by the template; extend it from app.py
"""`service dev`: a database of its own, the schema, some rows, and the server, in one foreground process."""

import asyncio
import os
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from service.kit.db import Database, DatabaseError, check_capacity, locate
from service.kit.migrate import migrate
from service.kit.migrate.commands import apply_migrations
from service.kit.server import Environment, environment, serve
from service.kit.web import Slice
from service_tools.dev import companions, credentials, embedded

DATA = Path(".postgres")
PACKAGE = Path(__file__).parents[1]
DEFAULT_ROWS = 1000


def run(
    kind: type[Environment],
    slices: Sequence[Slice],
    create: str,
    port: int,
    seed: int | None,
    beside: Iterable[str] = (),
) -> None:
    """Prepare everything and serve until Ctrl-C or SIGTERM, which end the preparation as well.

    `beside` names commands of the service that run as long, and anew after each change.
    """
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    own = "DATABASE_URL" not in os.environ
    os.environ |= {"SERVER_PORT": str(port), "SERVER_DOCS": "true", "EDGE_TIMING": "true"}
    os.environ.setdefault("LOG_FORMAT", "console")
    os.environ.setdefault("METRICS_PORT", "0")
    credentials.provide(kind)
    try:
        with provide_database(own) as url:
            os.environ["DATABASE_URL"] = url
            settings = environment.read(kind)
            serve.check_port(settings.server)
            asyncio.run(apply_migrations(settings))
            asyncio.run(check_capacity(settings.database, settings.server.workers, settings.count_beside()))
            asyncio.run(add_rows(settings, slices, (DEFAULT_ROWS if own else 0) if seed is None else seed))
            click.echo(welcome(settings, slices, own))
            watched = [PACKAGE, settings.migrations.folder]
            with companions.run(beside) as restart:
                on_reload = partial(take_up_change, settings, restart)
                options = settings.log, settings.metrics, settings.watchdog
                serve.serve(create, settings.server, watched, on_reload, *options)
    except KeyboardInterrupt:
        click.echo("Stopped.")


@contextmanager
def provide_database(own: bool) -> Generator[str]:
    """Yield the URL of the database to use: the embedded one, or the one that the environment names."""
    if not own:
        yield os.environ["DATABASE_URL"]
        return
    click.echo(f"Starting PostgreSQL in {DATA}/ …")
    with embedded.run(DATA) as url:
        yield url


def take_up_change(settings: Environment, restart: Callable[[], None]) -> None:
    """Apply what was added while the service runs. A file that is not finished yet must not end the session."""
    try:
        asyncio.run(apply_migrations(settings))
    except (migrate.MigrationError, DatabaseError) as error:
        click.echo(f"Error: {error}", err=True)
    restart()


async def add_rows(settings: Environment, slices: Sequence[Slice], wanted: int) -> None:
    """Let each slice have at least `wanted` made-up rows."""
    async with Database(settings.database) as db:
        for part in slices:
            if part.seed and wanted:
                async for present in part.seed(db, wanted):
                    click.echo(f"{part.routes.prefix}: {present:,} of {wanted:,} made-up rows")


def welcome(settings: Environment, slices: Sequence[Slice], own: bool) -> str:
    """Return what to open and what to try."""
    base = f"http://{settings.server.host}:{settings.server.port}"
    token = credentials.sign(type(settings))
    header = f"-H 'Authorization: Bearer {token}' " if token else ""
    path = next((part.routes.prefix for part in slices if part.seed), "/readyz")
    lines = {
        "Try it": f"curl -s {header}{base}{path}",
        "API docs": f"{base}/docs",
        "Database": f"psql '{settings.database.url.get_secret_value()}'" if own else locate(settings.database),
        "Stop": "Ctrl-C",
    }
    return "\n".join(["", *(f"  {name:10}{value}" for name, value in lines.items()), ""])
