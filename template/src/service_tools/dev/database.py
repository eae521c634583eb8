# kit: updated by the template; extend it from app.py
"""The database of development: DATABASE_URL or the embedded PostgreSQL, migrated, with sample
rows.
"""

import asyncio
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import perf_counter
from urllib.parse import urlsplit
from uuid import uuid4

import click

from service.kit.commands.cli import Wiring
from service.kit.commands.migrate import apply_migrations
from service.kit.db.database import Database
from service.kit.db.query import NEWEST_SAMPLE, SAMPLE_INTERVAL, Query, Seed
from service.kit.db.sessions import connect, read_database_url
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web.routes import Slice
from service_tools.dev import embedded

BATCH_SECONDS = 1.0
"""How long it should take to copy one batch of rows. The first batch, of FIRST rows, tells how many
that are."""

FIRST = 1000

COUNT = """
select coalesce(ceil(extract(epoch from $1 - min(created_at)) / extract(epoch from $2::interval)), 0)::int
  from {table}
 where created_at < $1
"""
"""The number of the oldest sample row, and so how many there are."""

PATIENCE = {"statement_timeout": 120, "command_timeout": 125}
"""How long it may take on a busy machine, in seconds."""


@contextmanager
def prepare(
    wiring: Wiring, rows: int | None, default: int, name: str = "postgres"
) -> Generator[KitSettings]:
    """Yield settings for a database that is up to date and has sample rows.

    That is DATABASE_URL, with rows only if they are asked for, or else the embedded one of a
    `name`.
    """
    wanted = rows if rows is not None else 0 if "DATABASE_URL" in os.environ else default
    with provide(name) as url:
        os.environ["DATABASE_URL"] = url
        settings = read_settings(wiring.settings)
        asyncio.run(apply_migrations(settings))
        asyncio.run(fill_all(settings, wiring.slices, wanted))
        yield settings


@contextmanager
def provide(name: str) -> Generator[str]:
    """Yield DATABASE_URL, or the URL of a database in the embedded PostgreSQL, created at its first
    use.
    """
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    click.echo(f"Starting PostgreSQL in {embedded.DATA}/ …")
    with embedded.run() as server:
        yield asyncio.run(create(server, name))


@contextmanager
def lend(server: str) -> Generator[str]:
    """Yield the URL of a new database, which is dropped afterwards."""
    name = f"lent_{uuid4().hex}"
    try:
        yield asyncio.run(create(server, name))
    finally:
        asyncio.run(drop(server, name))


async def drop(server: str, name: str) -> None:
    async with connect(read_database_url(server), "service dev") as connection:
        await connection.execute(f"drop database if exists {name} with (force)")


async def create(server: str, name: str) -> str:
    """Return the URL of a database that is created unless it is there."""
    async with connect(read_database_url(server), "service dev") as connection:
        if not await connection.fetchval("select true from pg_database where datname = $1", name):
            await connection.execute(f"create database {name}")
    return urlsplit(server)._replace(path=f"/{name}").geturl()


async def fill_all(settings: KitSettings, slices: Sequence[Slice], wanted: int) -> None:
    async with Database(settings.database.model_copy(update=PATIENCE)) as db:
        for seed in (part.seed for part in slices if part.seed):
            await fill(db, seed, wanted)


async def fill(db: Database, seed: Seed, wanted: int) -> None:
    """Add sample rows until there are `wanted`, in batches that take a second, and print the
    progress.
    """
    present = first = await db.fetch_one(
        Query(COUNT.format(table=seed.table), int, tuple[datetime, timedelta]),
        NEWEST_SAMPLE,
        SAMPLE_INTERVAL,
    )
    related = [await db.fetch(query) for query in seed.references]
    if present < wanted and not all(related):
        click.echo(f"{seed.table}: no sample rows, for lack of rows to refer to")
        return
    size = FIRST
    while present < wanted:
        batch = range(present + 1, min(present + size, wanted) + 1)
        began = perf_counter()
        async with db.connection() as connection:
            rows = [seed.make_row(number, *related) for number in batch]
            records = [tuple(row.values()) for row in rows]
            copying = connection.raw.copy_records_to_table(
                seed.table, columns=list(rows[0]), records=records
            )
            await connection.run(copying, f"copy {seed.table}")
        size = max(1, min(4 * size, int(len(batch) * BATCH_SECONDS / (perf_counter() - began))))
        present = batch[-1]
        click.echo(f"{seed.table}: {present:,} of {wanted:,} sample rows")
    if present > first:
        await db.fetch(
            Query(f"analyze {seed.table}", int)
        )  # so that plans are made for so many rows
