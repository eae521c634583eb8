# kit: updated by the template; extend it from app.py
"""`service log-level`: log more, or less, for a while, without a restart."""

import click

from service.kit.server.log_level import write_level
from service.kit.server.runtime_folder import find_runtime_folders
from service.kit.work.command_error import CommandError

NOT_RUNNING = """\
This service does not run here. Run this command where it runs, as the same user: in its container,
if it has one."""


@click.command(name="log-level")
@click.argument("level", type=click.Choice(["debug", "info", "warning", "error", "reset"]))
@click.option(
    "--minutes",
    type=click.IntRange(1, 1440),
    default=10,
    show_default=True,
    help="After so many, LOG_LEVEL holds again.",
)
def change_log_level(level: str, minutes: int) -> None:
    """Log at another level for a while, without a restart.

    All processes of this service here that do its work follow within two seconds. `reset` returns
    to LOG_LEVEL at once. Each container has to be told.
    """
    folders = [*find_runtime_folders()]
    if not folders:
        raise CommandError(NOT_RUNNING)
    seconds = 0 if level == "reset" else minutes * 60
    for folder in folders:
        write_level(folder, level, seconds)
    told = "LOG_LEVEL" if level == "reset" else f"{level}, for {minutes} min"
    click.echo(f"Level of the log: {told}. Told {len(folders)} running process(es).")
