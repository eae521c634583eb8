# kit: updated by the template; extend it from app.py
"""`service log-level`: log more, or less, for a while, without a restart."""

from contextlib import suppress

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
    help="Return to LOG_LEVEL after this many minutes.",
)
def change_log_level(level: str, minutes: int) -> None:
    """Log at another level for a while, without a restart.

    Every worker in this container or host follows within two seconds. `reset` returns to LOG_LEVEL
    at once. Run it in each container.
    """
    folders = [*find_runtime_folders()]
    if not folders:
        raise CommandError(NOT_RUNNING)
    seconds = 0 if level == "reset" else minutes * 60
    for folder in folders:
        with suppress(FileNotFoundError):  # its process has just ended
            write_level(folder, level, seconds)
    chosen = "LOG_LEVEL" if level == "reset" else f"{level} for {minutes} min"
    notified = "1 process" if len(folders) == 1 else f"{len(folders)} processes"
    click.echo(f"Log level: {chosen} ({notified} notified).")
