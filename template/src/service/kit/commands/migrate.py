# kit: updated by the template; extend it from app.py
"""`service migrate`: apply migrations, list them, create a new one, or rebuild the database."""

import asyncio
import os
from pathlib import Path

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.db.sessions import connect
from service.kit.migrate import apply, files, rebuild
from service.kit.migrate.files import MigrationError
from service.kit.server.settings import KitSettings, is_set


@click.group(name="migrate", invoke_without_command=True)
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing; exit with 1 unless exactly these files are applied, and indexes valid.",
)
@click.option(
    "--list",
    "show_all",
    is_flag=True,
    help="Change nothing; show every migration and when it was applied.",
)
@click.pass_context
def migrate_schema(context: click.Context, check: bool, show_all: bool) -> None:
    """Apply the pending migrations.

    The files of migrations/ are applied in order, each in a transaction. Any number of processes
    may do this at once: one applies them, the others wait. A file that was edited, renamed or
    deleted after it was applied is refused, and so is a new file with a lower number.
    """
    if context.invoked_subcommand:
        return
    with context.obj.open_settings() as settings:
        if not check and not show_all:
            asyncio.run(apply_migrations(settings))
            return
        state = asyncio.run(files.read_state(settings.database, settings.migrations))
        repairs = asyncio.run(find_repairs(settings))
    is_current = not repairs
    for migration, applied_at in state:
        is_applied = applied_at is not None and not migration.missing
        is_current = is_current and is_applied
        if show_all or not is_applied:
            when = f"{applied_at:%Y-%m-%d %H:%M:%S %Z}" if applied_at else "pending"
            note = ", but there is no such file" if migration.missing else ""
            click.echo(f"{migration.name:40} {when}{note}")
    for statement in repairs:
        click.echo(f"An index is invalid; repair it: {statement}")
    if check and not is_current:
        raise SystemExit(1)


async def find_repairs(settings: KitSettings) -> list[str]:
    async with connect(settings.database, "service migrate") as connection:
        return await apply.find_repairs(connection)


async def apply_migrations(settings: KitSettings) -> None:
    """Apply the pending migrations, and print each."""
    async for migration, seconds in apply.apply_pending(settings.database, settings.migrations):
        click.echo(f"Applied {migration.name} in {seconds * 1000:.0f} ms")


@migrate_schema.command(name="new")
@click.argument("name", nargs=-1, required=True)
@click.pass_obj
def create_migration(definition: ServiceDefinition, name: tuple[str, ...]) -> None:
    """Create the file of a new migration, with the next number.

    NAME says what it does, like add customers. Needs no database and no settings, but
    MIGRATIONS_FOLDER if the files are not in migrations/.
    """
    default = definition.settings.model_fields["migrations"].default
    folder = Path(os.environ.get("MIGRATIONS_FOLDER") or default.folder)
    click.echo(files.write_draft(folder, " ".join(name)))


@migrate_schema.command(name="redo")
@click.option("--force", is_flag=True, help="Allow it on the database of DATABASE_URL.")
@click.pass_obj
def redo_migrations(definition: ServiceDefinition, force: bool) -> None:
    """Build the development database anew, and keep the rows that fit.

    For a migration that is still being written and has been applied already. Rows are kept if their
    table is still there and accepts them, without the columns that are gone. If a file fails,
    nothing changes. `service dev` does this by itself when you edit the newest migration.
    """
    if is_set("DATABASE_URL") and not force:
        raise MigrationError(
            "DATABASE_URL is set, and `redo` may delete rows there. Unset it, or pass --force."
        )
    with definition.open_settings() as settings:
        asyncio.run(rebuild_database(settings))


async def rebuild_database(settings: KitSettings) -> None:
    """Build a database anew by its migrations, and print how many rows were lost."""
    lost = await rebuild.rebuild_database(settings.database, settings.migrations)
    click.echo("Built the database anew by its migrations.")
    for table, count in lost:
        click.echo(f"{table}: {count:,} rows are gone")
