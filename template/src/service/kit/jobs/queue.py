# kit: updated by the template; extend it from app.py
"""The queue as handlers see it: enqueueing jobs, and doing the work of a job once.

These statements are the kit's own: importing PgQueuer would cost each process that serves requests
0.13 s at its start.
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
"""The statuses of jobs in the queue."""

REQUEST_ID = "request_id"
"""The header of a job with the id of the request that enqueued it, alongside its trace."""

insert_jobs = Query(
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

insert_done = Query(
    "insert into kit.jobs_done (job_id) values ($1) on conflict do nothing returning job_id",
    int,
    params=tuple[int],
)


async def enqueue[A: Struct](
    connection: Connection, job: Job[A], argument: A, *, delay: float = 0
) -> int:
    """Add a job to the queue, to run in `delay` seconds at the earliest, and return its id.

    The job belongs to the connection's transaction: it runs once that commits, and only then.
    """
    (job_id,) = await enqueue_all(connection, job, [argument], delay=delay)
    return job_id


async def enqueue_all[A: Struct](
    connection: Connection, job: Job[A], arguments: Sequence[A], *, delay: float = 0
) -> list[int]:
    """Add one job for each argument by a single statement, and return their ids in that order."""
    for argument in arguments:
        if not isinstance(argument, job.argument):
            wrong = type(argument).__name__
            raise TypeError(f"{job.name} takes {job.argument.__name__}, not {wrong}")
    payloads = [json.encode(argument) for argument in arguments]
    work = current.get()
    headers = {REQUEST_ID: work.id if work else ""}
    traces = active_traces.get()
    if traces:
        headers |= traces.headers()
    encoded = json.encode(headers).decode()
    after = timedelta(seconds=delay)
    ids = await connection.fetch(insert_jobs, job.name, payloads, after, encoded)
    get_job_metrics().enqueued.labels(job.name).inc(len(payloads))
    return ids


async def begin_once(connection: Connection, job_id: int) -> bool:
    """Return whether the work of a job is still to be done, and record that it is done.

    The record is committed with the work, or neither is. A second run waits here meanwhile, and
    gets False once the first has committed. Effects outside this database are not rolled back with
    it: pass the job's id along as an idempotency key.
    """
    if connection.transaction is None:
        advice = "async with db.transaction() as connection"
        raise RuntimeError(f"call begin_once() in the transaction that does the work: {advice}")
    return await connection.find(insert_done, job_id) is not None


class JobMetrics:
    """The metrics of jobs. Their label is `name`: Prometheus reserves `job`."""

    def __init__(self) -> None:
        metrics.get_metrics()  # first, since it sets how processes share values
        buckets = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)
        self.enqueued = Counter(
            "jobs_enqueued_total", "Jobs added to the queue, rolled-back ones included.", ["name"]
        )
        self.runs = Counter("job_runs_total", "Runs that ended.", ["name", "outcome"])
        self.running = Gauge(
            "jobs_running", "Jobs that are running.", ["name"], multiprocess_mode="livesum"
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
        """Export zeros for these jobs: an alert cannot watch a metric that does not exist yet."""
        for name in names:
            for metric in (self.enqueued, self.running, self.wait, self.run):
                metric.labels(name)
            for outcome in ("succeeded", "retried", "held", "cut"):
                self.runs.labels(name, outcome)
            for status in STATUSES:
                self.queue.labels(name, status)


@cache
def get_job_metrics() -> JobMetrics:
    """Return the metrics of this process, made at the first call."""
    return JobMetrics()
