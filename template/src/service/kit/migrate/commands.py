# kit: updated by the template; extend it from app.py
"""`service migrate`: bring the schema up to date, tell where it stands, or begin a new file."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.kit.migrate import files, migrate
from service.kit.server import environment

if TYPE_CHECKING:
    from service.kit.server import Environment
    from service.kit.server.cli import Wiring


@click.group(name="migrate", invoke_without_command=True)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when a migration is pending.")
@click.option("--list", "show", is_flag=True, help="Change nothing; show every migration, and when it was applied.")
@click.pass_context
def migrate_schema(context: click.Context, check: bool, show: bool) -> None:
    """Apply the pending migrations.

    The files of migrations/ are applied in order, each in a transaction. Any number of processes may do this at once:
    one applies them, the others wait for it. A file that was edited after it was applied is refused.

    `new` begins a file.
    """
    if context.invoked_subcommand:
        return
    settings = environment.read(environment.narrow(context.obj.settings))
    if check or show:
        tell_states(settings, check, show)
    else:
        asyncio.run(apply_migrations(settings))


async def apply_migrations(settings: "Environment") -> None:
    """Apply the pending migrations, and say so."""
    async for migration, seconds in migrate.apply_pending(settings.database, settings.migrations):
        click.echo(f"Applied {migration.name} in {seconds * 1000:.0f} ms")


def tell_states(settings: "Environment", check: bool, show: bool) -> None:
    """Print the pending files, or all of them. Exit with 1 when some are pending, if that is what is checked."""
    states = asyncio.run(migrate.list_states(settings.database, settings.migrations))
    for migration, applied_at in states:
        if show or not applied_at:
            click.echo(f"{migration.name:40} {f'{applied_at:%Y-%m-%d %H:%M:%S %Z}' if applied_at else 'pending'}")
    if check and any(applied_at is None for _, applied_at in states):
        raise SystemExit(1)


@migrate_schema.command()
@click.argument("name", nargs=-1, required=True)
@click.pass_obj
def new(wiring: "Wiring", name: tuple[str, ...]) -> None:
    """Begin a migration, with the next number.

    NAME says what it does, like add_customers. Needs no database and no settings, but MIGRATIONS_FOLDER if the files
    are not in migrations/.
    """
    default = wiring.settings.model_fields["migrations"].default
    for path in files.write_draft(Path(os.environ.get("MIGRATIONS_FOLDER", default.folder)), " ".join(name)):
        click.echo(path)
