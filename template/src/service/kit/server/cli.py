# kit: updated by the template; extend it from app.py
"""The `service` command."""

import asyncio
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from service.kit.db import capacity, postgres
from service.kit.edge import CommandError
from service.kit.server import environment, logs
from service.kit.server import serve as serving
from service.kit.server.environment import Environment
from service.kit.web import Slice


@dataclass(frozen=True)
class Wiring:
    """What the command is about. `create` names the factory of the application, as `module:function`.

    `beside` holds what else runs for as long as the service does, by the command that runs it: its factory, in the same
    form. `service dev` runs those commands too.
    """

    settings: type[Environment]
    slices: Sequence[Slice]
    create: str
    beside: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def open_database(self) -> Generator[str]:
        """Yield the URL of DATABASE_URL, or of the database of `service dev` where that is installed."""
        if "DATABASE_URL" in os.environ or not find_spec("service_tools"):
            yield environment.read(environment.narrow(self.settings)).database.url.get_secret_value()
            return
        with import_module("service_tools.dev.embedded").run(Path(".postgres")) as url:
            yield url


COMMANDS = {
    "dev": "service_tools.dev.commands",
    "jobs": "service.kit.jobs.commands",
    "key": "service.kit.auth.commands",
    "migrate": "service.kit.migrate.commands",
    "new": "service_tools.scaffold.commands",
    "perf": "service_tools.perf.commands",
    "plans": "service_tools.sql.commands",
    "queries": "service.kit.db.commands",
    "token": "service_tools.dev.commands",
    "worker": "service.kit.jobs.worker_command",
}
"""Where each command is. It is imported when it is called: a worker imports this module too, and needs none of them."""


def list_tools() -> frozenset[str]:
    """Return the commands that are installed."""
    return frozenset(name for name, module in COMMANDS.items() if find_spec(module.rpartition(".")[0]))


class Service(click.Group):
    """A group whose known errors are one message and exit code 1, without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *list_tools()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if need be."""
        if cmd_name not in list_tools():
            return super().get_command(ctx, cmd_name)
        defined = vars(import_module(COMMANDS[cmd_name])).values()
        return next(value for value in defined if isinstance(value, click.Command) and value.name == cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Run a subcommand."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Service, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def service() -> None:
    """Run and look after the service.

    `dev` needs nothing but this project. The other commands read their settings from environment variables;
    `settings` lists them.
    """


@service.command()
@click.pass_obj
def serve(wiring: Wiring) -> None:
    """Run for production, on SERVER_HOST and SERVER_PORT.

    Refuses to start when a setting is missing or wrong, or when PostgreSQL lets fewer connections in than all workers
    may open. It starts even while the database is away: /readyz says 503 until it is back.
    """
    settings = environment.read(wiring.settings)
    logs.configure(settings.log)
    check_capacity(settings, "/readyz answers 503 until the database is there")
    serving.serve(wiring.create, settings.server, logs=settings.log, metrics=settings.metrics, watch=settings.watchdog)


def check_capacity(settings: Environment, meanwhile: str) -> None:
    """Raise `DatabaseError` unless the database lets all connections in; warn while it is away."""
    try:
        asyncio.run(capacity.check(settings.database, settings.server.workers, settings.count_beside()))
    except postgres.UnreachableError as error:
        click.echo(f"Warning: {error}\nStarting anyway: {meanwhile}.", err=True)


@service.command(name="settings")
@click.pass_obj
def list_settings(wiring: Wiring) -> None:
    """List every setting, with its default and its meaning.

    Settings are environment variables. All but the required ones have a default that is safe in production.
    """
    for name, default, description in environment.variables(wiring.settings):
        click.echo(f"{name:30} {'required' if default is ... else default!s:12} {description}")
