# kit: updated by the template; extend it from app.py
"""The development database, migrated and with sample rows: DATABASE_URL, or an embedded one."""

import asyncio
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.migrate import apply_migrations, rebuild_database
from service.kit.db.database import Database
from service.kit.db.query import NEWEST_SAMPLE, SAMPLE_INTERVAL, Query, Seed
from service.kit.db.sessions import DatabaseOptions, connect, read_database_url
from service.kit.migrate.files import NewestEditedError
from service.kit.server.settings import KitSettings, is_set, read_settings, read_variable
from service.kit.web.routes import Slice
from service_tools.dev import embedded

BATCH_ROWS = 10_000
"""Sample rows that are copied at once: about a second of work."""

COUNT_ROWS = """
select coalesce(
         ceil(extract(epoch from $1 - min(created_at)) / extract(epoch from $2::interval)), 0
       )::int
  from {table}
 where created_at < $1
"""
"""The number of the oldest sample row, and so how many there are."""

TIMEOUTS = {"statement_timeout": 120, "command_timeout": 125}
"""Seconds that a batch may take on a busy machine."""


@contextmanager
def prepare_database(
    definition: ServiceDefinition, rows: int | None, default_rows: int, name: str = "postgres"
) -> Generator[KitSettings]:
    """Yield settings for a development database that is migrated and has sample rows.

    The database of DATABASE_URL gets rows only if `rows` says so.
    """
    can_rebuild = not is_set("DATABASE_URL")
    if rows is None:
        rows = default_rows if can_rebuild else 0
    with open_database(name) as url:
        if can_rebuild:
            os.environ["DATABASE_URL"] = url
        settings = read_settings(definition.settings)
        migrate_for_development(settings, can_rebuild=can_rebuild)
        asyncio.run(fill_all(settings.database, definition.slices, rows))
        yield settings


def migrate_for_development(settings: KitSettings, *, can_rebuild: bool) -> None:
    """Apply the pending migrations. If the newest was edited, build the database anew by them."""
    try:
        asyncio.run(apply_migrations(settings))
    except NewestEditedError as error:
        if not can_rebuild:
            raise
        click.echo(str(error).partition(". ")[0])
        asyncio.run(rebuild_database(settings))


@contextmanager
def open_database(name: str) -> Generator[str]:
    """Yield DATABASE_URL, or the URL of a database in the embedded PostgreSQL."""
    if url := read_variable("DATABASE_URL"):
        yield url
        return
    click.echo(f"Starting PostgreSQL in {embedded.DATA_FOLDER}/ …")
    with embedded.run_postgresql() as server:
        yield asyncio.run(create_database(server, name))


@contextmanager
def temporary_database(server: str) -> Generator[str]:
    """Yield the URL of a new database, and drop it afterwards."""
    name = f"temporary_{uuid4().hex}"
    try:
        yield asyncio.run(create_database(server, name))
    finally:
        asyncio.run(drop_database(server, name))


async def create_database(server: str, name: str) -> str:
    """Return the URL of a database. It is created if it does not exist."""
    async with connect(read_database_url(server), "service dev") as connection:
        if not await connection.fetchval("select true from pg_database where datname = $1", name):
            await connection.execute(f"create database {name}")
    return urlsplit(server)._replace(path=f"/{name}").geturl()


async def drop_database(server: str, name: str) -> None:
    async with connect(read_database_url(server), "service dev") as connection:
        await connection.execute(f"drop database if exists {name} with (force)")


async def fill_all(options: DatabaseOptions, slices: Sequence[Slice], wanted: int) -> None:
    """Add sample rows to the table of each slice until it has as many as wanted."""
    async with Database(options.model_copy(update=TIMEOUTS)) as db:
        for part in slices:
            if part.seed:
                await fill(db, part.seed, wanted)


async def fill(db: Database, seed: Seed, wanted: int) -> None:
    """Add sample rows to a table until it has as many as wanted, and print the progress."""
    table = seed.table
    count = Query(COUNT_ROWS.format(table=table), int, tuple[datetime, timedelta])
    present = await db.fetch_one(count, NEWEST_SAMPLE, SAMPLE_INTERVAL)
    if present >= wanted:
        return
    related = [await db.fetch(query) for query in seed.references]
    if not all(related):
        click.echo(f"{table}: no sample rows, because there are no rows to refer to")
        return
    for before in range(present, wanted, BATCH_ROWS):
        last = min(before + BATCH_ROWS, wanted)
        rows = [seed.make_row(number, *related) for number in range(before + 1, last + 1)]
        async with db.connection() as connection:
            records = [tuple(row.values()) for row in rows]
            copying = connection.raw.copy_records_to_table(
                table, columns=list(rows[0]), records=records
            )
            await connection.run(copying, f"copy {table}")
        click.echo(f"{table}: {last:,} of {wanted:,} sample rows")
    # So that the planner knows how many rows there are.
    await db.fetch(Query(f"analyze {table}", int))
