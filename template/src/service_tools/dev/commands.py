# kit: updated by the template; extend it from app.py
"""`service dev` and `service token`: run a service for development, and print a token."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.migrate import apply_migrations
from service.kit.db.capacity import check_capacity
from service.kit.db.errors import DatabaseError
from service.kit.db.query import DEVELOPER
from service.kit.migrate.files import MigrationError
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings
from service.kit.web.routes import Slice
from service_tools.dev import credentials, database

PACKAGE = Path(__file__).parents[2] / "service"
DEFAULT_ROWS = 1000
STOP_TIMEOUT = 5.0
"""Seconds before a worker process is killed: in development nobody waits longer."""


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
def dev(definition: ServiceDefinition, port: int, seed: int | None) -> None:
    """Run for development, and restart at every change.

    Starts a PostgreSQL of its own in .postgres/, applies the migrations, adds sample rows, and
    serves the API with its documentation. Ctrl-C stops everything. The data stays, and the next run
    adds only the rows that are missing.

    With DATABASE_URL set, it uses that database, and adds rows only if you pass `--seed`.
    """
    # A script that starts it with `&` leaves SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    os.environ |= {"SERVER_PORT": str(port), "SERVER_DOCS": "true", "EDGE_TIMING": "true"}
    defaults = {"LOG_FORMAT": "console", "METRICS_PORT": "0", "WATCHDOG_CONSOLE": "true"}
    os.environ |= defaults | os.environ
    credentials.accept_development_tokens(definition.settings)
    try:
        with database.prepare_database(definition, seed, DEFAULT_ROWS) as settings:
            others = settings.count_worker_connections()
            asyncio.run(check_capacity(settings.database, settings.server.workers, others))
            run_service(definition, settings)
    except KeyboardInterrupt:
        click.echo("Stopped.")


def run_service(definition: ServiceDefinition, settings: KitSettings) -> None:
    """Run the server and the job worker, and reload both at each change of a file."""
    configure_logs(settings.log)
    threading.Thread(target=announce, args=(definition, settings), daemon=True).start()
    watched = [PACKAGE, settings.migrations.folder]
    with run_alongside(["worker"] if definition.worker else []) as restart:
        serve(
            definition.create,
            settings.server,
            settings.metrics,
            settings.watchdog,
            watched,
            partial(take_up_change, settings, restart),
        )


@contextmanager
def run_alongside(commands: Sequence[str]) -> Generator[Callable[[], None]]:
    """Run commands of the service while the block runs, and yield a function that restarts them.

    An old process may finish its work. Each has a process group of its own, so Ctrl-C reaches it
    only as a SIGTERM from here.
    """
    running: list[subprocess.Popen[bytes]] = []
    stopping: list[subprocess.Popen[bytes]] = []

    def stop() -> None:
        for process in running:
            process.terminate()
        unfinished = [process for process in stopping if process.poll() is None]
        stopping[:] = [*unfinished, *running]
        running.clear()

    def restart() -> None:
        stop()
        for command in commands:
            line = [sys.executable, "-m", "service", command]
            running.append(subprocess.Popen(line, process_group=0))  # noqa: S603 - ours

    try:
        restart()
        yield restart
    finally:
        stop()
        for process in stopping:
            wait_or_kill(process)


def wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def take_up_change(settings: KitSettings, restart: Callable[[], None]) -> None:
    """Apply new migrations, and restart the worker.

    An unfinished migration must not end the session.
    """
    try:
        asyncio.run(apply_migrations(settings))
    except (MigrationError, DatabaseError) as error:
        click.echo(f"Error: {error}", err=True)
    restart()


def announce(definition: ServiceDefinition, settings: KitSettings) -> None:
    """Wait until the service answers, then print where it is and what to try."""
    base = f"http://{settings.server.host}:{settings.server.port}"
    while not is_ready(base):
        time.sleep(0.05)
    authorization = credentials.make_authorization(definition.settings)
    header = f"-H 'Authorization: {authorization}' " if authorization else ""
    lines = {
        "Ready": base,
        "Try it": f"curl -s {header}{base}{find_readable_path(definition.slices)}",
        "API docs": f"{base}/docs",
        "Database": "uv run service psql",
        "Stop": "Ctrl-C",
    }
    text = "\n".join(f"  {name:10}{value}" for name, value in lines.items())
    click.echo(f"\n{text}\n")


def find_readable_path(slices: Sequence[Slice]) -> str:
    """Return the path of a list of sample rows, or else any that needs no id."""
    for part in slices:
        if part.seed:
            return part.routes.prefix
    for part in slices:
        for route in part.routes:
            if route.method == "GET" and "{" not in route.path:
                return route.path
    return "/readyz"


def is_ready(url: str) -> bool:
    """Return whether the service at a URL is ready for requests."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 - ours
            return True
    except OSError:
        return False


def read_claims(_: object, __: object, values: Sequence[str]) -> dict[str, object]:
    """Return claims by name. A value that is not JSON is a text."""
    claims: dict[str, object] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r}: write NAME=VALUE")
        try:
            claims[name] = json.loads(value)
        except ValueError:
            claims[name] = value
    return claims


@click.command(name="token")
@click.option(
    "--subject", default=DEVELOPER, show_default=True, help="Whose token it is: the claim `sub`."
)
@click.option("--scope", multiple=True, help="A scope, or the role of a caller. May be repeated.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=VALUE",
    callback=read_claims,
    help="Another claim, in JSON or as text. May be repeated.",
)
@click.pass_obj
def print_token(
    definition: ServiceDefinition, subject: str, scope: Sequence[str], claims: dict[str, object]
) -> None:
    """Print a token for the API in development, valid for an hour.

    It is signed with AUTH_SIGNING_KEY, or else with the key in .signing-key that `service dev`
    uses. Sample rows belong to the default subject.
    """
    if scope:
        claims["scope"] = " ".join(scope)
    try:
        token = credentials.sign_development_token(definition.settings, subject, **claims)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--claim") from None
    if token is None:
        raise click.ClickException(
            "This service takes no tokens: its settings have no group `auth`."
        )
    click.echo(token)
