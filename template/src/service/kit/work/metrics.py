# kit: updated by the template; extend it from app.py
"""What a worker counts and measures for Prometheus. Make your own metrics with prometheus_client:
they join these.
"""

import asyncio
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

MULTIPROC_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder through which workers share what they count. prometheus_client reads it when it
is imported."""


METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


SAMPLE_SECONDS = 1.0
"""How old a sampled gauge may be."""


class Times(Histogram):
    """A histogram that takes many values at the price of one."""

    def observe_all(self, values: Sequence[float]) -> None:
        self._sum.inc(sum(values))
        values, counted = sorted(values), 0
        for bound, bucket in zip(self._upper_bounds, self._buckets, strict=True):
            if fitting := bisect_right(values, bound) - counted:
                bucket.inc(fitting)
                counted += fitting


class Meters:
    """The metrics of this process. A label has few values: a caller must not be able to make new
    ones.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")

        def seconds(name: str, text: str, *labels: str) -> Times:
            return Times(name, text, labels, registry=registry, buckets=BUCKETS)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        self.requests = counter(
            "http_requests_total", "Answered requests.", "method", "route", "status"
        )
        self.seconds = seconds(
            "http_request_duration_seconds", "From request to answer.", "method", "route"
        )
        self.layers = seconds(
            "http_layer_duration_seconds", "What a request spent in one layer.", "layer"
        )
        self.refused = counter(
            "http_requests_refused_total", "Requests refused for want of room.", "reason"
        )
        self.limited = counter(
            "http_requests_limited_total", "Requests beyond the rate of their route.", "route"
        )
        self.failed = counter(
            "http_responses_failed_total", "Responses that failed half-way.", "route"
        )
        self.tokens = counter(
            "auth_tokens_total", "Tokens that were not yet known, or missing.", "outcome"
        )
        self.guesses = counter(
            "auth_guesses_total",
            "Passwords sent: taken, of those right or returned unchecked, and refused.",
            "outcome",
        )
        self.calls = seconds(
            "client_call_duration_seconds", "What calls to other services took.", "host", "outcome"
        )
        self.call_retries = counter(
            "client_call_retries_total", "Further attempts at calls.", "host"
        )
        self.in_flight = gauge("http_requests_in_flight", "Requests being answered.")
        self.streams = gauge("http_event_streams_open", "Event streams that are open.")
        self.receiving = gauge(
            "http_requests_receiving", "Requests whose bodies are still arriving."
        )
        self.pool_size = gauge(
            "db_pool_connections_max", "Connections that a pool may open.", "pool"
        )
        self.pool_in_use = gauge(
            "db_pool_connections_in_use", "Connections that are lent out.", "pool"
        )
        self.pool_waiting = gauge(
            "db_pool_waiting_requests", "Requests that wait for a connection.", "pool"
        )
        self.statements = seconds(
            "db_statement_duration_seconds", "What statements took.", "statement"
        )
        self.cached = gauge("cache_entries", "Values that are kept, or being computed.")
        self.cache_reads = counter(
            "cache_reads_total", "Values asked for: hits, and misses to compute.", "outcome"
        )
        self.offloaded = gauge(
            "offload_calls_running", "Calls that run beside the event loop.", "pool"
        )
        self.offload_waiting = gauge(
            "offload_calls_waiting", "Calls that wait for a place.", "pool"
        )
        self.offload_wait = seconds(
            "offload_wait_seconds", "What calls waited for a place.", "pool", "call"
        )
        self.offload_run = seconds("offload_run_seconds", "What calls ran.", "pool", "call")
        self.abandoned = counter(
            "offload_calls_abandoned_total", "Calls whose request ended first.", "pool"
        )
        self.lag = seconds(
            "event_loop_lag_seconds", "How late the event loop was, some sixteen times a second."
        )
        self.blocked = counter(
            "event_loop_blocked_total", "Times the event loop was blocked beyond WATCHDOG_LAG."
        )
        self.log_dropped = counter(
            "log_lines_dropped_total", "Lines of the log that nobody read in time.", "stream"
        )
        for stream in ("stdout", "stderr"):
            self.log_dropped.labels(stream)
        self.workers = gauge("service_workers", "Worker processes that run.")
        self.starts = counter(
            "service_worker_starts_total", "Worker processes started, the first ones included."
        )
        self.sources: list[tuple[Gauge, Callable[[], float]]] = []


@cache
def meters() -> Meters:
    return Meters()


def count_requests(method: str, route: str, status: int, seconds: Sequence[float]) -> None:
    """Count answered requests, and the time of each. `route` is their template, as /v1/orders/{id},
    or "unmatched".
    """
    method = method if method in METHODS else "other"
    meters().requests.labels(method, route, status).inc(len(seconds))
    meters().seconds.labels(method, route).observe_all(seconds)


def count_refusal(reason: str, number: int = 1) -> None:
    """Count requests refused for want of room, for a reason such as "admission", "pool" or
    "export".
    """
    meters().refused.labels(reason).inc(number)


def watch_gauge(gauge: Gauge, read: Callable[[], float]) -> None:
    """Let a gauge show what `read` returns: at the scrape, or up to a second before where workers
    share a folder.
    """
    if MULTIPROC_DIR in os.environ:
        meters().sources.append((gauge, read))
    else:
        gauge.set_function(read)


async def sample_gauges() -> None:
    """Write the watched gauges where the main process can read them, once a second, until
    cancelled.
    """
    while True:
        for gauge, read in meters().sources:
            gauge.set(read())
        await asyncio.sleep(SAMPLE_SECONDS)
