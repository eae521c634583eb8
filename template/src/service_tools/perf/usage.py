# kit: updated by the template; extend it from app.py
"""What the service uses under load: memory, connections, and event loop lag."""

import asyncio
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from prometheus_client.parser import text_string_to_metric_families

INTERVAL = 0.5
"""Seconds between two reads of the metrics."""

type Metrics = Mapping[str, Mapping[str, float]]
"""Values by metric, and then by pool or histogram bucket."""


class Usage(msgspec.Struct, frozen=True):
    """The most that was used at once. Memory is known only of a service that is started here.

    `pool_waiting` requests waited for a connection. The event loop lag is in milliseconds.
    """

    memory_mb: float | None
    pool_in_use: float
    pool_waiting: float
    lag_p99_ms: float


async def watch_metrics(url: str, seen: list[Metrics]) -> None:
    """Add the metrics at a URL to a list every INTERVAL, until cancelled."""
    while True:
        seen.append(await asyncio.to_thread(read_metrics, url))
        await asyncio.sleep(INTERVAL)


def read_metrics(url: str) -> Metrics:
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
            label = sample.labels.get("le") or sample.labels.get("pool", "")
            values[sample.name][label] = sample.value
    return values


def summarise_usage(seen: Sequence[Metrics], memory_mb: float | None) -> Usage:
    return Usage(
        memory_mb=memory_mb,
        pool_in_use=find_highest(seen, "db_pool_connections_in_use"),
        pool_waiting=find_highest(seen, "db_pool_waiting_requests"),
        lag_p99_ms=find_lag(seen[0], seen[-1]),
    )


def find_highest(seen: Sequence[Metrics], name: str) -> float:
    """Return the highest sum of a metric over all pools."""
    return max(sum(metrics.get(name, {}).values()) for metrics in seen)


def find_lag(before: Metrics, after: Metrics) -> float:
    """Return the p99 of the event loop lag between two reads, in milliseconds, 10 s at most."""
    name = "event_loop_lag_seconds_bucket"
    old = before.get(name, {})
    grown = {float(le): count - old.get(le, 0) for le, count in after.get(name, {}).items()}
    wanted = 0.99 * max(grown.values(), default=0)
    for bound in sorted(grown):
        if grown[bound] >= wanted:
            return min(bound, 10) * 1000
    return 0.0
