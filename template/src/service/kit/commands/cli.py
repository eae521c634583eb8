# kit: updated by the template; extend it from app.py
"""The `service` command: it finds the module of each subcommand, and runs it."""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from service.kit.commands import development
from service.kit.commands.definition import ServiceDefinition
from service.kit.server.metrics_endpoint import describe_build
from service.kit.server.settings import load_env_files
from service.kit.work.command_error import CommandError

COMMANDS = {
    "jobs": "service.kit.commands.jobs",
    "key": "service.kit.commands.key",
    "log-level": "service.kit.commands.log_level",
    "migrate": "service.kit.commands.migrate",
    "psql": "service.kit.commands.psql",
    "queries": "service.kit.commands.queries",
    "revoke": "service.kit.commands.revoke",
    "routes": "service.kit.commands.routes",
    "serve": "service.kit.commands.serve",
    "settings": "service.kit.commands.settings",
    "worker": "service.kit.commands.worker",
    **development.COMMANDS,
}
"""The module of each command, imported when it is called. A missing module has no command."""

PRODUCTION = frozenset(("serve", "worker"))
"""The commands that never read the .env files of development."""


class LazyGroup(click.Group):
    """Imports each command when it is called, from the module that `modules` has for its name.

    A `CommandError` is shown as one message, without a traceback.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        installed = [name for name, module in self.modules.items() if is_installed(module)]
        return sorted({*super().list_commands(ctx), *installed})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in self.list_commands(ctx):
            command = import_command(cmd_name, self.modules[cmd_name])
        if command:
            set_summary(command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(str(error)) from error


def is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even its package is
        return False
    except Exception:  # its package is broken, which the command says when it is called
        return True


def import_command(name: str, module: str) -> click.Command:
    """Return a command, or where a package is missing, one that says what to install."""
    try:
        values = vars(import_module(module)).values()
    except ModuleNotFoundError as error:
        return make_missing_command(name, error)
    commands = [value for value in values if isinstance(value, click.Command)]
    return next(command for command in commands if command.name == name)


def make_missing_command(name: str, error: ModuleNotFoundError) -> click.Command:
    advice = f"For development: run `uv sync`, without `--no-dev`, which installs {error.name}."

    def show_advice() -> None:
        raise click.ClickException(advice)

    return click.Command(
        name,
        callback=show_advice,
        help=advice,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def set_summary(command: click.Command) -> None:
    """Let lists of commands show the first sentence of a help text, however long; click cuts it."""
    if not command.short_help:
        paragraph = (command.help or "").partition("\n\n")[0]
        sentence = " ".join(paragraph.split()).partition(". ")[0]
        command.short_help = sentence.rstrip(".")
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            set_summary(subcommand)


def show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        build = describe_build()
        click.echo(f"{build['name']} {build['version']}, Python {build['python']}")
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
    help="Show the version of the service, and of Python.",
)
@click.pass_context
def service(ctx: click.Context, env_files: tuple[Path, ...]) -> None:
    """Run and operate the service.

    `service dev` needs nothing but this project. `service settings` lists the environment variables
    that configure the service. In development, all commands but serve and worker also read them
    from .env and .env.development.
    """
    load_env_files(*env_files)
    if ctx.invoked_subcommand not in PRODUCTION and development.has_tools():
        ctx.meta[development.FROM_FILES] = load_env_files(*development.ENV_FILES)


def main(app: str) -> None:
    """Run a command on the service of the module `app`.

    It has `Settings`, `SLICES` and `create`, and for jobs `create_worker`.
    """
    try:
        module = import_module(app)
    except Exception as error:
        if sys.argv[1:2] == ["doctor"] and development.has_tools():
            service(obj=error)  # doctor says what else is wrong
        advice = development.explain_import_error(error)
        if advice:
            raise SystemExit(f"Error: {advice}") from None
        raise
    worker = f"{app}:create_worker" if hasattr(module, "create_worker") else None
    service(obj=ServiceDefinition(module.Settings, module.SLICES, f"{app}:create", worker))
