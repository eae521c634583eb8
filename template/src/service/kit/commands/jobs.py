# kit: updated by the template; extend it from app.py
"""`service jobs`: show the queue, and retry or drop held jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option, print_json, print_table
from service.kit.db.errors import DatabaseError
from service.kit.db.sessions import DatabaseOptions, connect
from service.kit.jobs.statements import make_statements
from service.kit.jobs.upkeep import FORGET_DEATHS
from service.kit.work.command_error import CommandError

COUNT_JOBS = """
select entrypoint as name,
       count(*) filter (where status = 'queued') as queued,
       count(*) filter (where status = 'picked') as running,
       count(*) filter (where status = 'failed') as held,
       min(execute_after) filter (where status = 'queued') as oldest
  from kit.pgqueuer
 group by entrypoint
 order by entrypoint
"""

LIST_HELD_JOBS = """
select job.id, job.entrypoint as name, job.attempts + 1 as attempts, job.updated as held_at,
       left(encode(job.payload, 'escape'), 200) as payload,
       record.traceback ->> 'exception_type' as error,
       record.traceback ->> 'exception_message' as message
  from kit.pgqueuer as job
  left join lateral (
       select traceback from kit.pgqueuer_log
        where job_id = job.id and status = 'failed'
        order by created desc
        limit 1
       ) as record on true
 where job.status = 'failed'
 order by job.updated desc, job.id desc
 limit $1
"""

LOCK_HELD_JOBS = """
select id from kit.pgqueuer
 where status = 'failed' and ($1::bigint[] is null or id = any($1))
 order by id
   for update
"""

type Rows = list[asyncpg.Record]
type Change = Callable[[asyncpg.Connection, list[Any]], Awaitable[object]]
"""Changes the held jobs with these ids."""


@click.group(name="jobs")
def manage_jobs() -> None:
    """Show the queue, and retry or drop jobs that are held.

    A job is held after JOBS_ATTEMPTS failed runs, or at once when a retry would not help. It stays
    held until you fix the cause and retry it, or drop it.
    """


@manage_jobs.command(name="list")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Show at most this many held jobs.",
)
@json_option
@click.pass_obj
def list_jobs(definition: ServiceDefinition, limit: int, as_json: bool) -> None:
    """Count the jobs by name, and show those that are held, with their errors."""

    async def read_queue(connection: asyncpg.Connection) -> tuple[Rows, Rows]:
        counts = await connection.fetch(COUNT_JOBS)
        held = await connection.fetch(LIST_HELD_JOBS, limit)
        return counts, held

    counts, held = run_on_database(definition, read_queue)
    if as_json:
        print_json({"counts": counts, "held": held})
        return

    rows = []
    for row in counts:
        numbers = [f"{row[status]:,}" for status in ("queued", "running", "held")]
        oldest = f"{row['oldest']:%Y-%m-%d %H:%M:%S %Z}" if row["oldest"] else "-"
        rows.append([row["name"], *numbers, oldest])
    statuses = ("QUEUED", "RUNNING", "HELD")
    print_table(("NAME", *statuses, "OLDEST"), rows, right=statuses)
    for job in held:
        held_at = f"{job['held_at']:%Y-%m-%d %H:%M:%S %Z}"
        click.echo(f"\n{job['id']}  {job['name']}  held {held_at} at attempt {job['attempts']}")
        click.echo(f"    {job['error']}: {job['message']}\n    {job['payload']}")
    if held:
        click.echo(
            "\n`service jobs retry ID…` runs them again, `service jobs drop ID…` deletes them."
        )


@manage_jobs.command(name="retry")
@click.argument("ids", nargs=-1, type=click.IntRange(1))
@click.option("--all", "every", is_flag=True, help="Retry every held job.")
@json_option
@click.pass_obj
def retry_jobs(
    definition: ServiceDefinition, ids: tuple[int, ...], every: bool, as_json: bool
) -> None:
    """Run held jobs again, with all their attempts."""
    if bool(ids) == every:
        raise click.UsageError("Name the jobs, or pass --all.")

    async def requeue(connection: asyncpg.Connection, held: list[Any]) -> None:
        await connection.execute(FORGET_DEATHS, held)  # deaths that they shared with other jobs
        await make_statements(connection).requeue_jobs(held)

    retried = change_held_jobs(definition, requeue, None if every else ids)
    print_changed_jobs("Retried", retried, as_json=as_json)


@manage_jobs.command(name="drop")
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(1))
@json_option
@click.pass_obj
def drop_jobs(definition: ServiceDefinition, ids: tuple[int, ...], as_json: bool) -> None:
    """Delete held jobs. They do not run again."""

    async def drop(connection: asyncpg.Connection, held: list[Any]) -> None:
        await make_statements(connection).mark_job_as_cancelled(held)

    dropped = change_held_jobs(definition, drop, ids)
    print_changed_jobs("Dropped", dropped, as_json=as_json)


def change_held_jobs(
    definition: ServiceDefinition, change: Change, ids: Sequence[int] | None
) -> list[int]:
    """Change held jobs, all if `ids` is None, and return their ids.

    Raises `CommandError`, and changes nothing, when one of `ids` is not held.
    """

    async def lock_and_change(connection: asyncpg.Connection) -> list[int]:
        async with connection.transaction():
            rows = await connection.fetch(LOCK_HELD_JOBS, ids)
            held = [row["id"] for row in rows]
            unknown = sorted({*(ids or ())}.difference(held))
            if unknown:
                names = ", ".join(str(identity) for identity in unknown)
                advice = "`service jobs list` shows the ids; nothing was changed."
                raise CommandError(f"No job is held under {names}. {advice}")
            await change(connection, held)
            return held

    return run_on_database(definition, lock_and_change)


def print_changed_jobs(what: str, ids: list[int], *, as_json: bool) -> None:
    if as_json:
        print_json({"ids": ids})
    else:
        names = ", ".join(str(identity) for identity in ids)
        click.echo(f"{what} {len(ids)}: {names}")


def run_on_database[Result](
    definition: ServiceDefinition,
    function: Callable[[asyncpg.Connection], Awaitable[Result]],
) -> Result:
    """Return what a function returns on a connection to the service's database."""

    async def connect_and_run(database: DatabaseOptions) -> Result:
        async with connect(database, "service jobs") as connection:
            try:
                return await function(connection)
            except asyncpg.UndefinedTableError as error:
                raise DatabaseError(f"{error}: run `service migrate`.") from None

    with definition.open_settings() as settings:
        return asyncio.run(connect_and_run(settings.database))
