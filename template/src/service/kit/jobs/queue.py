# kit: updated by the template; extend it from app.py
"""The queue as handlers see it: adding jobs in their transaction, doing a job's work once, and what
is counted.

Importing PgQueuer would cost each process that serves requests 0.13 s at its start: these
statements are ours.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cache

from msgspec import Struct, json
from prometheus_client import Counter, Gauge, Histogram

from service.kit.db.database import Connection
from service.kit.db.query import Query
from service.kit.jobs.job import Job
from service.kit.work import metrics
from service.kit.work.context import current
from service.kit.work.tracing import active_traces

STATUSES = "queued", "picked", "failed"
"""Those that a job in the queue has."""

REQUEST_ID = "request_id"
"""The header of a job that names the request which enqueued it. Those of its trace stand beside
it."""

put = Query(
    """
    with queued as (
        insert into kit.pgqueuer (priority, entrypoint, payload, execute_after, headers, status)
        select 0, $1, payload, now() + $3::interval, $4::text::jsonb, 'queued'
          from unnest($2::bytea[]) with ordinality as given (payload, place)
         order by place
        returning id, entrypoint, priority
    ), logged as (
        insert into kit.pgqueuer_log (job_id, status, entrypoint, priority)
        select id, 'queued', entrypoint, priority from queued
    )
    select id from queued order by id
    """,
    int,
    params=tuple[str, list[bytes], timedelta, str],
)

note_done = Query(
    "insert into kit.jobs_done (job_id) values ($1) on conflict do nothing returning job_id",
    int,
    params=tuple[int],
)


async def enqueue[A: Struct](
    connection: Connection, job: Job[A], argument: A, *, delay: float = 0
) -> int:
    """Add a job to the queue, to run in `delay` seconds at the earliest, and return its id.

    It belongs to the transaction of the connection: it runs when that commits, and is gone when it
    does not.
    """
    (identity,) = await enqueue_all(connection, job, [argument], delay=delay)
    return identity


async def enqueue_all[A: Struct](
    connection: Connection, job: Job[A], arguments: Sequence[A], *, delay: float = 0
) -> list[int]:
    """Add one job for each argument by a single statement, and return their ids in the same
    order.
    """
    if strays := {
        type(argument).__name__ for argument in arguments if not isinstance(argument, job.argument)
    }:
        raise TypeError(
            f"{job.name} takes {job.argument.__name__}, not {', '.join(sorted(strays))}"
        )
    payloads = [json.encode(argument) for argument in arguments]
    work = current.get()
    headers = {REQUEST_ID: work.id if work else ""}
    if traces := active_traces.get():
        headers |= traces.headers()
    encoded = json.encode(headers).decode()
    identities = await connection.fetch(put, job.name, payloads, timedelta(seconds=delay), encoded)
    meters().enqueued.labels(job.name).inc(len(payloads))
    return identities


async def begin_once(connection: Connection, job_id: int) -> bool:
    """Return whether the work of a job is still to be done, and note in this transaction that it is
    done.

    The note is committed with the work, or neither is. A second run that comes meanwhile waits
    here, and gets False when the first has committed. Effects outside of this database are not
    rolled back with it: pass the job's id along as an idempotency key.
    """
    if connection.transaction is None:
        raise RuntimeError(
            "call begin_once() in the transaction that does the work: async with db.transaction() as …"
        )
    return await connection.find(note_done, job_id) is not None


class Meters:
    """The metrics of this process. `name` is that of a declared job: Prometheus keeps `job` for
    itself.
    """

    def __init__(self) -> None:
        metrics.get_metrics()  # it sets how values are shared
        buckets = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)
        self.enqueued = Counter(
            "jobs_enqueued_total", "Jobs added to the queue, rolled-back ones included.", ["name"]
        )
        self.runs = Counter("job_runs_total", "Runs that ended.", ["name", "outcome"])
        self.running = Gauge(
            "jobs_running", "Jobs that run.", ["name"], multiprocess_mode="livesum"
        )
        self.wait = Histogram(
            "job_wait_seconds", "From when a job was due until it ran.", ["name"], buckets=buckets
        )
        self.run = Histogram("job_run_seconds", "Duration of a run.", ["name"], buckets=buckets)
        self.queue = Gauge(
            "jobs_in_queue",
            "Jobs by status, up to 15 s old.",
            ["name", "status"],
            multiprocess_mode="livesum",
        )

    def show(self, names: Iterable[str]) -> None:
        """Show zero for what has not happened yet: an alert cannot watch what is not there."""
        for name in names:
            for metric in (self.enqueued, self.running, self.wait, self.run):
                metric.labels(name)
            for outcome in ("succeeded", "retried", "held", "cut"):
                self.runs.labels(name, outcome)
            for status in STATUSES:
                self.queue.labels(name, status)


@cache
def meters() -> Meters:
    """Return the metrics of this process, made at the first call."""
    return Meters()
