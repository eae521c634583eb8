# kit: updated by the template; extend it from app.py
"""`service worker` keeps a process running jobs; `service jobs` shows the queue, and retries or
drops held jobs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import click
import msgspec

from service.kit.commands import cli
from service.kit.db.errors import DatabaseError
from service.kit.db.sessions import DatabaseOptions, connect
from service.kit.jobs.statements import Statements
from service.kit.work.command_error import CommandError

type Change = Callable[["Statements", list[Any]], Awaitable[None]]


COUNT = """
select entrypoint as name,
       count(*) filter (where status = 'queued') as queued,
       count(*) filter (where status = 'picked') as running,
       count(*) filter (where status = 'failed') as held,
       min(execute_after) filter (where status = 'queued') as oldest
  from kit.pgqueuer
 group by entrypoint
 order by entrypoint
"""


LIST_HELD = """
select job.id, job.entrypoint as name, job.attempts + 1 as attempts, job.updated as held_at,
       left(encode(job.payload, 'escape'), 200) as payload,
       record.traceback ->> 'exception_type' as error, record.traceback ->> 'exception_message' as message
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


FIND = "select id from kit.pgqueuer where status = 'failed' and ($2 or id = any($1)) order by id for update"


FORGET_DEATHS = "update kit.pgqueuer set headers = headers - 'deaths' where id = any($1)"


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group(name="jobs")
def look_after_jobs() -> None:
    """Show the queue, and retry or drop jobs that are held.

    A job is held after JOBS_ATTEMPTS failed runs, or at once when a retry would not help. It stays
    until somebody decides: fix the cause and retry it, or drop it.
    """


@look_after_jobs.command(name="list")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Held jobs to show.",
)
@as_json
@click.pass_obj
def list_jobs(wiring: cli.Wiring, limit: int, as_json: bool) -> None:
    """Count the jobs by name, and show those that are held, with their errors."""

    async def ask(
        connection: asyncpg.Connection,
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        counts, held = await connection.fetch(COUNT), await connection.fetch(LIST_HELD, limit)
        return [dict(record) for record in counts], [dict(record) for record in held]

    counts, held = run_on_database(wiring, ask)
    if as_json:
        click.echo(msgspec.json.encode({"counts": counts, "held": held}))
        return
    click.echo(f"{'NAME':40} {'QUEUED':>10} {'RUNNING':>10} {'HELD':>10}")
    for count in counts:
        click.echo("{name:40} {queued:>10,} {running:>10,} {held:>10,}".format(**count))
    for job in held:
        click.echo(
            "\n{id}  {name}  held {held_at:%Y-%m-%d %H:%M:%S %Z} at attempt {attempts}".format(
                **job
            )
        )
        click.echo("    {error}: {message}\n    {payload}".format(**job))
    if held:
        click.echo(
            "\n`service jobs retry ID…` runs them again, `service jobs drop ID…` deletes them."
        )


@look_after_jobs.command()
@click.argument("ids", nargs=-1, type=click.IntRange(1))
@click.option("--all", "every", is_flag=True, help="Retry every held job.")
@as_json
@click.pass_obj
def retry(wiring: cli.Wiring, ids: tuple[int, ...], every: bool, as_json: bool) -> None:
    """Requeue held jobs, with all their attempts before them."""
    if bool(ids) == every:
        raise click.UsageError("Name the jobs, or say --all.")
    change_held_jobs(wiring, requeue, ids, every, "Retried", as_json)


async def requeue(queue: "Statements", ids: list[Any]) -> None:
    """Let held jobs run again, and forget the deaths that they shared."""
    await queue.driver.execute(FORGET_DEATHS, ids)
    await queue.requeue_jobs(ids)


@look_after_jobs.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(1))
@as_json
@click.pass_obj
def drop(wiring: cli.Wiring, ids: tuple[int, ...], as_json: bool) -> None:
    """Delete held jobs. They do not run again."""
    change_held_jobs(
        wiring,
        lambda queue, held: queue.mark_job_as_cancelled(held),
        ids,
        False,
        "Dropped",
        as_json,
    )


def change_held_jobs(
    wiring: cli.Wiring, how: Change, ids: tuple[int, ...], every: bool, done: str, as_json: bool
) -> None:
    """Change held jobs, and print their ids. When one of `ids` is not held, nothing is changed."""
    from service.kit.jobs.statements import make_statements

    async def work(connection: asyncpg.Connection) -> list[int]:
        async with connection.transaction():
            found = [record["id"] for record in await connection.fetch(FIND, ids, every)]
            if unknown := ", ".join(str(identity) for identity in sorted(set(ids) - set(found))):
                advice = "`service jobs list` shows the ids; nothing was changed."
                raise CommandError(f"No job is held under {unknown}. {advice}")
            await how(make_statements(connection), found)
            return found

    found = run_on_database(wiring, work)
    click.echo(
        msgspec.json.encode({"ids": found})
        if as_json
        else f"{done} {len(found)}: {', '.join(map(str, found))}"
    )


def run_on_database[Result](
    wiring: cli.Wiring, work: Callable[[asyncpg.Connection], Awaitable[Result]]
) -> Result:
    """Return what `work` returns on a connection to the service's database."""

    async def on_connection(database: DatabaseOptions) -> Result:
        async with connect(database, "service jobs") as connection:
            try:
                return await work(connection)
            except asyncpg.UndefinedTableError as error:
                raise DatabaseError(f"{error}: run `service migrate`.") from None

    with wiring.open_settings() as settings:
        return asyncio.run(on_connection(settings.database))
