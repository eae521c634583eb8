# kit: updated by the template; extend it from app.py
"""`service worker` keeps a process running jobs; `service jobs` shows the queue, and retries or
drops held jobs.
"""

import asyncio
import multiprocessing
import signal
import time
from collections.abc import Awaitable, Callable
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import click
import msgspec
import structlog

from service.kit.db import DatabaseError, DatabaseOptions, connect
from service.kit.edge import CommandError
from service.kit.jobs.job import JobOptions
from service.kit.server import (
    LOOK_SECONDS,
    Supervision,
    cli,
    configure_logs,
    read_settings,
    supervise,
)

if TYPE_CHECKING:
    from service.kit.jobs.statements import Statements

log = structlog.get_logger()

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

MISSING = """\
This service does not say yet how its worker is made. Import JobOptions and Worker from service.kit.jobs, add the field
`jobs: JobOptions = JobOptions()` to Settings, and to app.py:

JOBS = ()

def create_worker() -> Worker:
    settings = read_settings(Settings)
    configure_logs(settings.log)
    db = Database(settings.jobs.share(settings.database))
    return Worker(JOBS, settings.jobs, settings, provide=[db], resources=[db])"""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.command(name="worker")
@click.pass_obj
def run_worker(wiring: cli.Wiring) -> None:
    """Run jobs, JOBS_CONCURRENCY at once, until told to stop.

    Start any number, on any number of machines: each job is taken by one of them. A worker process
    that dies, or loses PostgreSQL, is replaced. SIGTERM lets the jobs finish; those unfinished
    after JOBS_DRAIN_TIMEOUT are requeued.
    """
    if wiring.worker is None:
        raise click.ClickException(MISSING)
    settings = read_settings(wiring.settings)
    configure_logs(settings.log)
    cli.check_capacity(settings, "jobs run as soon as the database is there")
    options = getattr(settings, "jobs", JobOptions())
    watch = settings.watchdog
    with supervise(settings.metrics, watch.stuck, watch.lag) as supervision:
        keep_working(wiring.worker, options.kill_timeout, supervision)


def keep_working(create: str, kill_timeout: float, supervision: Supervision) -> None:
    """Keep one process running jobs, until told to stop: the first signal lets them finish, the
    second ends it at once.

    A process ends with the connection of its queue, or when the watchdog or the system ends it. The
    next one returns its unfinished jobs to the queue at once: it knows them by the identity that
    the processes share.
    """
    from service.kit.jobs.consumer import AGAIN, work

    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))
    spawn, identity = multiprocessing.get_context("spawn"), uuid4()

    def start(*, died: bool) -> SpawnProcess:
        process = spawn.Process(target=work, args=(create, identity, died))
        process.start()
        return process

    process = start(died=False)
    while not told:
        time.sleep(LOOK_SECONDS)
        if supervision.find_due([process]):
            process = start(died=process.exitcode != AGAIN)
    process.terminate()
    log.info("told to stop", signal=signal.Signals(told[0]).name)
    kill_at = time.monotonic() + kill_timeout
    while process.is_alive() and len(told) == 1 and time.monotonic() < kill_at:
        process.join(LOOK_SECONDS)
    process.kill()
    if len(told) > 1:
        log.warning("told to stop twice: ending at once")
    process.join()
    log.info("worker stopped")


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

    counts, held = run(wiring, ask)
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
    change(wiring, requeue, ids, every, "Retried", as_json)


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
    change(
        wiring,
        lambda queue, held: queue.mark_job_as_cancelled(held),
        ids,
        False,
        "Dropped",
        as_json,
    )


def change(
    wiring: cli.Wiring, how: Change, ids: tuple[int, ...], every: bool, done: str, as_json: bool
) -> None:
    """Change held jobs, and print their ids. When one of `ids` is not held, nothing is changed."""
    from service.kit.jobs.statements import make_queries

    async def work(connection: asyncpg.Connection) -> list[int]:
        async with connection.transaction():
            found = [record["id"] for record in await connection.fetch(FIND, ids, every)]
            if unknown := ", ".join(str(identity) for identity in sorted(set(ids) - set(found))):
                advice = "`service jobs list` shows the ids; nothing was changed."
                raise CommandError(f"No job is held under {unknown}. {advice}")
            await how(make_queries(connection), found)
            return found

    found = run(wiring, work)
    click.echo(
        msgspec.json.encode({"ids": found})
        if as_json
        else f"{done} {len(found)}: {', '.join(map(str, found))}"
    )


def run[Result](
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
