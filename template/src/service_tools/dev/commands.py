# kit: updated by the template; extend it from app.py
"""`service dev`, all that a service needs in one foreground process, and `service token`."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import click

from service.kit.commands.cli import Wiring
from service.kit.commands.migrate import apply_migrations
from service.kit.db.capacity import check_capacity
from service.kit.db.errors import DatabaseError
from service.kit.db.query import DEVELOPER
from service.kit.db.sessions import describe_database
from service.kit.migrate.files import MigrationError
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings
from service.kit.web.routes import Slice
from service_tools.dev import credentials, database

PACKAGE = Path(__file__).parents[2] / "service"
DEFAULT_ROWS = 1000
END_SECONDS = 5.0
"""How long a worker process may take to end before it is killed: in development nobody waits
longer."""


@click.command()
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="The port to listen on.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help=f"Minimum sample rows per slice. [default: {DEFAULT_ROWS}]",
)
@click.pass_obj
def dev(wiring: Wiring, port: int, seed: int | None) -> None:
    """Run for development, and restart at every change.

    Starts a PostgreSQL of its own in .postgres/, applies the migrations, adds sample rows, and
    serves the API with its documentation. Ctrl-C stops everything. The data stays, and the next run
    adds only the rows that are missing.

    With DATABASE_URL set, it uses that database, and adds rows only if you pass `--seed`.
    """
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a script that starts it with `&` leaves it ignored
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    os.environ |= {"SERVER_PORT": str(port), "SERVER_DOCS": "true", "EDGE_TIMING": "true"}
    os.environ.setdefault("LOG_FORMAT", "console")
    os.environ.setdefault("METRICS_PORT", "0")
    os.environ.setdefault("WATCHDOG_CONSOLE", "true")
    credentials.provide(wiring.settings)
    try:
        with database.prepare(wiring, seed, DEFAULT_ROWS) as settings:
            asyncio.run(
                check_capacity(settings.database, settings.server.workers, settings.count_beside())
            )
            run(wiring, settings)
    except KeyboardInterrupt:
        click.echo("Stopped.")


def run(wiring: Wiring, settings: KitSettings) -> None:
    """Serve, with the other commands of the service beside the server, and take up each change of a
    file.
    """
    configure_logs(settings.log)
    threading.Thread(target=announce, args=(wiring, settings), daemon=True).start()
    watched = [PACKAGE, settings.migrations.folder]
    with run_beside(["worker"] if wiring.worker else []) as restart:
        on_reload = partial(take_up_change, settings, restart)
        serve(
            wiring.create, settings.server, settings.metrics, settings.watchdog, watched, on_reload
        )


@contextmanager
def run_beside(commands: Iterable[str]) -> Generator[Callable[[], None]]:
    """Run worker processes for the length of the block. Yield what restarts them: the old ones may
    finish their work.

    Each is in a process group of its own, so that Ctrl-C reaches it as one SIGTERM, from here.
    """
    running: list[subprocess.Popen[bytes]] = []
    ending: list[subprocess.Popen[bytes]] = []

    def restart(wanted: Iterable[str] = commands) -> None:
        for process in running:
            process.send_signal(signal.SIGTERM)
        ending[:] = [process for process in (*ending, *running) if process.poll() is None]
        lines = ([sys.executable, "-m", "service", command] for command in wanted)
        running[:] = [subprocess.Popen(line, process_group=0) for line in lines]  # noqa: S603 - ours

    try:
        restart()
        yield restart
    finally:
        restart(())
        for process in ending:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def take_up_change(settings: KitSettings, restart: Callable[[], None]) -> None:
    """Apply new migrations and restart the workers. A file that is not finished yet must not end
    the session.
    """
    try:
        asyncio.run(apply_migrations(settings))
    except (MigrationError, DatabaseError) as error:
        click.echo(f"Error: {error}", err=True)
    restart()


def announce(wiring: Wiring, settings: KitSettings) -> None:
    """Wait until the service answers, then say where it is and what to try."""
    base = f"http://{settings.server.host}:{settings.server.port}"
    while not is_ready(base):
        time.sleep(0.05)
    token = credentials.sign(wiring.settings)
    header = f"-H 'Authorization: Bearer {token}' " if token else ""
    url = settings.database.url.get_secret_value()
    lines = {
        "Ready": base,
        "Try it": f"curl -s {header}{base}{find_read(wiring.slices)}",
        "API docs": f"{base}/docs",
        "Database": describe_database(settings.database)
        if urlsplit(url).password
        else f"psql '{url}'",
        "Stop": "Ctrl-C",
    }
    click.echo("\n".join(["", *(f"  {name:10}{value}" for name, value in lines.items()), ""]))


def find_read(slices: Sequence[Slice]) -> str:
    """Return a path to try: that of sample rows, or else one that can be read without knowing an
    id.
    """
    seeded = [part.routes.prefix for part in slices if part.seed]
    routes = [route for part in slices for route in part.routes if route.method == "GET"]
    return next(
        iter([*seeded, *(route.path for route in routes if "{" not in route.path)]), "/readyz"
    )


def is_ready(url: str) -> bool:
    """Return whether the service at a URL is ready for requests."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 - ours
            return True
    except OSError:
        return False


@click.command(name="token")
@click.option(
    "--subject", default=DEVELOPER, show_default=True, help="Whose token it is: the claim `sub`."
)
@click.pass_obj
def print_token(wiring: Wiring, subject: str) -> None:
    """Print a token for the API in development, valid for an hour.

    It is signed with AUTH_SIGNING_KEY, or else with the key in .signing-key that `service dev`
    uses. Sample rows belong to the default subject.
    """
    if (token := credentials.sign(wiring.settings, subject)) is None:
        raise click.ClickException(
            "This service takes no tokens: its settings have no group `auth`."
        )
    click.echo(token)
