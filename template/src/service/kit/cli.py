# kit: updated by the template; extend it from app.py
"""The `service` command."""

import asyncio
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module

import click

from service.kit import capacity, commands, environment, postgres, server, telemetry
from service.kit.environment import Environment
from service.kit.http import Slice


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


def list_tools() -> frozenset[str]:
    """Return the commands of kit/commands/, each named like its module.

    They are imported when they are called: a worker process imports this module too, and needs none of them.
    """
    return frozenset(module.name for module in pkgutil.iter_modules(commands.__path__))


class Service(click.Group):
    """A group whose known errors are one message and exit code 1, without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *list_tools()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if need be."""
        if cmd_name not in list_tools():
            return super().get_command(ctx, cmd_name)
        defined = vars(import_module(f"{commands.__name__}.{cmd_name}")).values()
        return next(value for value in defined if isinstance(value, click.Command) and value.name == cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Run a subcommand."""
        try:
            return super().invoke(ctx)
        except find_known_errors() as error:
            raise click.ClickException(str(error)) from error


def find_known_errors() -> tuple[type[Exception], ...]:
    """Return the errors whose message says all there is to say."""
    from service.kit.credentials import CredentialsError
    from service.kit.embedded import EmbeddedError
    from service.kit.migrate import MigrationError
    from service.kit.ports import PortError
    from service.kit.sql.budgets import BudgetError

    return (
        BudgetError,
        CredentialsError,
        EmbeddedError,
        MigrationError,
        PortError,
        environment.SettingsError,
        postgres.DatabaseError,
    )


@click.group(cls=Service, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def service() -> None:
    """Run and look after the service.

    `dev` needs nothing but this project. The other commands read their settings from environment variables;
    `settings` lists them.
    """


@service.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Where to listen.")
@click.option("--seed", type=click.IntRange(0), help="Made-up rows that each slice has at least. [default: 1000]")
@click.pass_obj
def dev(wiring: Wiring, port: int, seed: int | None) -> None:
    """Run for development, restarting at every change.

    Starts a PostgreSQL of its own in .postgres/, applies the migrations, adds made-up rows, and serves the API with its
    documentation. Ctrl-C stops all of it; the data stays, and `--seed` adds only what is missing.

    With DATABASE_URL set, it uses that database instead, and adds rows only if `--seed` asks for them.
    """
    from service.kit import development

    development.run(wiring.settings, wiring.slices, wiring.create, port, seed, wiring.beside)


@service.command()
@click.pass_obj
def serve(wiring: Wiring) -> None:
    """Run for production, on SERVER_HOST and SERVER_PORT.

    Refuses to start when a setting is missing or wrong, or when PostgreSQL lets fewer connections in than all workers
    may open. It starts even while the database is away: /readyz says 503 until it is back.
    """
    settings = environment.read(wiring.settings)
    telemetry.configure(settings.log)
    check_capacity(settings, "/readyz answers 503 until the database is there")
    server.serve(wiring.create, settings.server, logs=settings.log, metrics=settings.metrics, watch=settings.watchdog)


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
