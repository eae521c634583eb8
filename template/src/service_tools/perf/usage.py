# kit: updated by the template; extend it from app.py
"""What the service uses under load: memory, CPU, connections, sessions, and event loop lag."""

import asyncio
import urllib.request
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from statistics import fmean
from time import perf_counter

import msgspec
import psutil
from prometheus_client.parser import text_string_to_metric_families

from service.kit.db.sessions import connect
from service_tools.perf.target import Target, read_cpu

INTERVAL = 0.5
"""Seconds between two looks."""

TRIPS = 10
"""Round trips to PostgreSQL between two looks."""

SESSIONS = """
select case
         when wait_event_type = 'Lock' then 'lock'
         when state = 'active' then 'statement'
         else 'transaction'
       end,
       count(*)
  from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
   and backend_type = 'client backend' and state <> 'idle'
 group by 1
"""
"""What sessions do: wait for a lock, run a statement, or be idle in a transaction."""

RAN, STARVED = "ran", "starved"
"""Seconds that the main thread of each process ran, and was ready to run without a core."""

LABELS = ("le", "reason", "pool", "statement")

type Metrics = Mapping[str, Mapping[str, float]]
"""Values by metric, and then by the first of LABELS, by process, or by what sessions do."""


class Usage(msgspec.Struct, frozen=True):
    """What was used. None is not known, as of a service that was not started here.

    Of connections and of requests that wait for one, it is the most at once; memory is that at the
    end. `ran` and `starved` are shares of the time, of the event loop with the most. `sessions` has
    the mean number of sessions by what they do, and `refused` the requests that a limit refused, by
    reason.
    """

    memory_mb: float | None = None
    pool_in_use: float | None = None
    pool_waiting: float | None = None
    lag_p99_ms: float | None = None
    pool_size: float | None = None
    ran: float | None = None
    starved: float | None = None
    sessions: Mapping[str, float] = {}
    refused: Mapping[str, float] = {}
    statements: Mapping[str, tuple[float, float]] = {}
    """How often each statement ran, and the seconds that all its runs took."""
    round_trip_ms: float = 0.0
    """The mean of a statement that does nothing; 0 if it is not known."""


@asynccontextmanager
async def watch_usage(
    target: Target, seen: list[Metrics], round_trips: list[float]
) -> AsyncGenerator[None]:
    """Add the metrics of a service to a list: at the beginning, every INTERVAL, and at the end."""
    is_over = asyncio.Event()
    options = target.database
    async with connect(options, "service perf") if options else nullcontext() as connection:

        async def look() -> None:
            metrics = await asyncio.to_thread(read_metrics, target.metrics)
            for process in target.processes:
                read_process(process, metrics)
            if connection:
                metrics["sessions"] = dict(await connection.fetch(SESSIONS))
            seen.append(metrics)

        async def repeat() -> None:
            while not is_over.is_set():
                for _ in range(TRIPS):
                    await asyncio.sleep(INTERVAL / TRIPS)
                    began = perf_counter()
                    if connection:
                        await connection.fetchval("select 1")
                    round_trips.append(perf_counter() - began)
                await look()

        await look()
        watching = asyncio.ensure_future(repeat())
        yield
        is_over.set()
        await watching


def read_process(process: psutil.Process, metrics: dict[str, dict[str, float]]) -> None:
    """Add the seconds that a process ran, and those without a core, to the metrics."""
    pid = str(process.pid)
    schedule = Path(f"/proc/{pid}/task/{pid}/schedstat")  # on Linux
    if schedule.exists():
        ran, waited, _ = schedule.read_text().split()
        metrics[RAN][pid] = int(ran) / 1e9
        metrics[STARVED][pid] = int(waited) / 1e9
    elif process.is_running():
        metrics[RAN][pid] = read_cpu(process)


def read_metrics(url: str) -> dict[str, dict[str, float]]:
    """Return the metrics at a URL: none without a URL, or without an answer."""
    values: defaultdict[str, dict[str, float]] = defaultdict(dict)
    if not url:
        return values
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - ours
            text = answer.read().decode()
    except OSError:
        return values
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = map(sample.labels.get, LABELS)
            values[sample.name][next(filter(None, labels), "")] = sample.value
    return values


def average_middle(values: Sequence[float]) -> float:
    """Return the mean of the middle half: the machine's other work disturbs some of the rest."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    return fmean(ordered[cut : len(ordered) - cut] or [0.0])


def summarise_usage(
    seen: Sequence[Metrics],
    memory_mb: float | None,
    seconds: float,
    round_trips: Sequence[float] = (),
) -> Usage:
    sessions: Counter[str] = Counter()
    for metrics in seen:
        sessions.update(metrics.get("sessions", {}))
    ran = max(subtract(seen, RAN).values(), default=None)
    starved = max(subtract(seen, STARVED).values(), default=None)
    refused = subtract(seen, "http_requests_refused_total")
    lag = subtract(seen, "event_loop_lag_seconds_bucket")
    times = subtract(seen, "db_statement_duration_seconds_sum")
    statements = {}
    for name, count in subtract(seen, "db_statement_duration_seconds_count").items():
        if count:
            statements[name] = count, times[name]
    return Usage(
        memory_mb=memory_mb,
        pool_in_use=find_highest(seen, "db_pool_connections_in_use"),
        pool_waiting=find_highest(seen, "db_pool_waiting_requests"),
        lag_p99_ms=find_lag(lag),
        pool_size=find_highest(seen, "db_pool_connections_max"),
        ran=None if ran is None else ran / seconds,
        starved=None if starved is None else starved / seconds,
        sessions={doing: count / len(seen) for doing, count in sessions.items()},
        refused={reason: count for reason, count in refused.items() if count},
        statements=statements,
        round_trip_ms=fmean(round_trips or [0.0]) * 1000,
    )


def find_highest(seen: Sequence[Metrics], name: str) -> float | None:
    """Return the highest sum of a metric over all pools."""
    sums = [sum(metrics[name].values()) for metrics in seen if name in metrics]
    return max(sums, default=None)


def subtract(seen: Sequence[Metrics], name: str) -> dict[str, float]:
    """Return by how much a metric grew, by its label."""
    old = seen[0].get(name, {})
    new = seen[-1].get(name, {})
    return {label: value - old.get(label, 0) for label, value in new.items()}


def find_lag(buckets: Mapping[str, float]) -> float | None:
    """Return the p99 of the event loop lag, in milliseconds, 10 s at most."""
    grown = {float(bound): count for bound, count in buckets.items()}
    wanted = 0.99 * max(grown.values(), default=0)
    for bound in sorted(grown):
        if grown[bound] >= wanted:
            return min(bound, 10) * 1000
    return None
