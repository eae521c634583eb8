# kit: updated by the template; extend it from app.py
"""`service perf`: each question about speed has a command, which is imported when it is called."""

from importlib import import_module

import click

from service.kit.server import cli

COMMANDS = ("bench", "blocking", "budget", "compare", "cpu", "load", "memory", "tasks")
MODULES = {"load": "ramp"}
"""The modules whose names differ from their commands'."""


class Perf(click.Group):
    """Imports a command when it is called: most of them need packages of the group dev."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            command = import_module(f"service_tools.perf.{MODULES.get(cmd_name, cmd_name)}").command
        except ImportError as error:
            raise click.ClickException(f"{error.name} is not installed: run `uv sync`.") from None
        cli.show_whole_summaries(command)
        return command


@click.group(cls=Perf)
def perf() -> None:
    """Measure the service: what it carries, where its time, CPU and memory go, and what blocks it.

    Each command starts the service as in production, on a database of its own in the PostgreSQL of `service dev`, and
    sends it the requests in perf/scenarios/. With DATABASE_URL set, it uses that database, and adds rows only if you
    pass `--rows`. Reports are written to perf/reports/.
    """
