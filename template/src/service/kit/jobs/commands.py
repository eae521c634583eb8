# kit: updated by the template; extend it from app.py
"""`service jobs`: what stands in the queue, and what to do with jobs that are held."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import click
import msgspec

from service.kit.db import postgres

if TYPE_CHECKING:
    from service.kit.jobs.held import Count, Held
    from service.kit.server import KitSettings
    from service.kit.server.cli import Wiring

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group(name="jobs")
def look_after_jobs() -> None:
    """Show what stands in the queue, and retry or drop jobs that are held.

    A job is held when it has failed JOBS_ATTEMPTS times, or said that trying again would not help. It stays until
    somebody decides: correct the cause and retry it, or drop it.
    """


@look_after_jobs.command(name="list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0, 10_000), help="Held jobs to show.")
@as_json
@click.pass_obj
def list_jobs(wiring: "Wiring", limit: int, as_json: bool) -> None:
    """Count the jobs by name, and show those that are held, with their errors."""
    from service.kit.jobs import held

    async def ask(connection: asyncpg.Connection) -> tuple[list["Count"], list["Held"]]:
        return await held.count(connection), await held.list_held(connection, limit)

    counts, jobs = run(wiring, ask)
    if as_json:
        click.echo(msgspec.json.encode({"counts": counts, "held": jobs}))
        return
    click.echo(f"{'NAME':40} {'QUEUED':>10} {'RUNNING':>10} {'HELD':>10}")
    for line in counts:
        click.echo(f"{line.name:40} {line.queued:>10,} {line.running:>10,} {line.held:>10,}")
    for job in jobs:
        click.echo(f"\n{job.id}  {job.name}  held {job.held_at:%Y-%m-%d %H:%M:%S %Z} at attempt {job.attempts}")
        click.echo(f"    {job.error}: {job.message}\n    {job.payload[:200]}")
    if jobs:
        click.echo("\n`service jobs retry ID…` runs them again, `service jobs drop ID…` forgets them.")


@look_after_jobs.command()
@click.argument("ids", nargs=-1, type=click.IntRange(1))
@click.option("--all", "every", is_flag=True, help="Retry every job that is held.")
@as_json
@click.pass_obj
def retry(wiring: "Wiring", ids: tuple[int, ...], every: bool, as_json: bool) -> None:
    """Put held jobs back into the queue, with all their attempts before them."""
    from service.kit.jobs import held

    if bool(ids) == every:
        raise click.UsageError("Name the jobs, or say --all.")
    tell("Retried", run(wiring, lambda connection: held.retry(connection, ids, every=every)), as_json)


@look_after_jobs.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(1))
@as_json
@click.pass_obj
def drop(wiring: "Wiring", ids: tuple[int, ...], as_json: bool) -> None:
    """Delete held jobs. They do not run again."""
    from service.kit.jobs import held

    tell("Dropped", run(wiring, lambda connection: held.drop(connection, ids)), as_json)


def tell(done: str, ids: list[int], as_json: bool) -> None:
    """Print what was done."""
    click.echo(msgspec.json.encode({"ids": ids}) if as_json else f"{done} {len(ids)}: {', '.join(map(str, ids))}")


def run[Result](wiring: "Wiring", work: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
    """Return what `work` returns on a connection to the service's database."""
    from service.kit.jobs.held import UnknownError

    async def on_connection(settings: "KitSettings") -> Result:
        async with open_queue(settings) as connection:
            return await work(connection)

    try:
        with wiring.open_settings() as settings:
            return asyncio.run(on_connection(settings))
    except UnknownError as error:
        raise click.ClickException(str(error)) from None


@asynccontextmanager
async def open_queue(settings: "KitSettings") -> AsyncGenerator[asyncpg.Connection]:
    """Open a connection to the queue; say what to do when there is none yet."""
    async with postgres.connect(settings.database, "service jobs") as connection:
        try:
            yield connection
        except asyncpg.UndefinedTableError as error:
            raise postgres.DatabaseError(f"{error}: run `service migrate`.") from None
