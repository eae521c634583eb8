# kit: updated by the template; extend it from app.py
"""`service dev` and `service token`: run a service for development, and print a token."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.development import FROM_FILES
from service.kit.db.capacity import check_capacity
from service.kit.db.query import DEVELOPER
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database, debugging
from service_tools.dev.announcement import announce
from service_tools.dev.variables import Variables

PACKAGE = Path(__file__).parents[2] / "service"
DEFAULT_ROWS = 1000
STOP_TIMEOUT = 5.0
"""Seconds before a worker process is killed: in development nobody waits longer."""


@click.command()
@click.option(
    "--port",
    envvar="SERVER_PORT",
    default=8000,
    show_default=True,
    show_envvar=True,
    type=click.IntRange(1, 65535),
    help="The port to listen on.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help=f"Minimum sample rows per slice. [default: {DEFAULT_ROWS}]",
)
@click.option(
    "--debug",
    is_flag=True,
    help="Let a debugger stop it: one process on this terminal, no restarts, no limits of time.",
)
@click.pass_context
def dev(context: click.Context, port: int, seed: int | None, debug: bool) -> None:
    """Run for development, and restart at every change.

    Starts a PostgreSQL of its own in .postgres/, applies the migrations, adds sample rows, and
    serves the API with its documentation. Ctrl-C stops everything. The data stays, and the next run
    adds only the rows that are missing. If you edit the newest migration after it was applied, the
    database is built anew, with all rows that still fit.

    With DATABASE_URL set, it uses that database, and adds rows only if you pass `--seed`.
    """
    # A script that starts it with `&` leaves SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    definition: ServiceDefinition = context.obj
    chosen = debugging.PATIENT_SETTINGS if debug else {}
    variables = Variables({"SERVER_PORT": str(port), **chosen}, context.meta.get(FROM_FILES, set()))
    credentials.accept_development_tokens(definition.settings)
    try:
        with database.prepare_database(definition, seed, DEFAULT_ROWS) as settings:
            others = settings.count_worker_connections()
            asyncio.run(check_capacity(settings.database, settings.server.workers, others))
            configure_logs(settings.log)
            threading.Thread(target=announce, args=(definition, settings), daemon=True).start()
            if debug:
                debugging.serve_for_debugger(definition, settings)
            else:
                run_service(definition, settings, variables)
    except KeyboardInterrupt:
        click.echo("Stopped.")


def run_service(definition: ServiceDefinition, settings: KitSettings, variables: Variables) -> None:
    """Run the server and the job worker, and reload both at each change of a file."""
    watched = [PACKAGE, settings.migrations.folder]
    with run_alongside(["worker"] if definition.worker else []) as restart:
        serve(
            definition.create,
            settings.server,
            settings.metrics,
            settings.watchdog,
            watched,
            partial(take_up_change, settings, variables, restart),
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


def take_up_change(
    settings: KitSettings, variables: Variables, restart: Callable[[], None]
) -> None:
    """Read the .env files again, apply new migrations, and restart the worker.

    An unfinished file must not end the session.
    """
    try:
        variables.read_again()
        database.migrate_for_development(settings, can_rebuild=variables.has_own_database)
    except CommandError as error:
        click.echo(f"Error: {error}", err=True)
    restart()


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
