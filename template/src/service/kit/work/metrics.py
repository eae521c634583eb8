# kit: updated by the template; extend it from app.py
"""The kit's metrics for Prometheus. Those that you make with prometheus_client join them."""

import asyncio
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache, partial
from http import HTTPMethod

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from service.kit.renamed import find_renamed

MULTIPROC_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder through which workers share their metrics.

prometheus_client reads it when it is imported.
"""

METHODS = frozenset(HTTPMethod) | {"WEBSOCKET"}

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of every histogram, in seconds."""

REASONS = "admission", "pool", "receiving", "socket-rate", "socket-size", "upload-disk"
"""Reasons for refusals, besides those of each `Limiter`. All begin at zero: Prometheus misses the
first increment of a series that does not exist yet."""

SAMPLE_SECONDS = 1.0
"""Seconds between two samples of a gauge."""


class BatchHistogram(Histogram):
    """A histogram that counts many values for the price of one."""

    def observe_all(self, values: Sequence[float]) -> None:
        self._sum.inc(sum(values))
        values = sorted(values)
        counted = 0
        for bound, bucket in zip(self._upper_bounds, self._buckets, strict=True):
            fitting = bisect_right(values, bound) - counted
            if fitting:
                bucket.inc(fitting)
                counted += fitting


class Metrics:
    """The metrics of this process. Labels have few values: a client must not be able to add any."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry, multiprocess_mode="livesum")
        histogram = partial(BatchHistogram, registry=registry, buckets=BUCKETS)

        self.requests = counter(
            "http_requests_total", "Answered requests.", ["method", "route", "status"]
        )
        self.request_seconds = histogram(
            "http_request_duration_seconds", "Time from request to answer.", ["method", "route"]
        )
        self.layer_seconds = histogram(
            "http_layer_duration_seconds", "Time that a request spent in a layer.", ["layer"]
        )
        self.refused = counter(
            "http_requests_refused_total", "Requests refused because a limit was hit.", ["reason"]
        )
        for reason in REASONS:
            self.refused.labels(reason)
        self.rate_limited = counter(
            "http_requests_limited_total", "Requests beyond the rate of their route.", ["route"]
        )
        self.rates_unshared = counter(
            "http_rates_unshared_total", "Requests of a shared rate counted in a worker alone."
        )
        self.failed_responses = counter(
            "http_responses_failed_total", "Responses that failed half-way.", ["route"]
        )
        self.in_flight = gauge("http_requests_in_flight", "Requests being answered.")
        self.receiving = gauge(
            "http_requests_receiving", "Requests whose bodies are still arriving."
        )
        self.open_streams = gauge("http_event_streams_open", "Event streams that are open.")
        self.open_sockets = gauge("http_websockets_open", "WebSockets that are open.")
        self.uploads = gauge("http_uploads_in_flight", "Uploads being received or answered.")
        self.upload_disk = gauge(
            "http_upload_disk_bytes", "Bytes on disk of the files of these uploads."
        )

        self.tokens = counter(
            "auth_tokens_total", "Tokens that were not yet known, or missing.", ["outcome"]
        )
        self.guesses = counter(
            "auth_guesses_total",
            "Login attempts: taken, of those right or returned unchecked, and refused.",
            ["outcome"],
        )
        self.revocations = gauge(
            "auth_revocations",
            "Subjects whose older tokens a worker refuses.",
            multiprocess_mode="livemax",
        )
        self.revocations_age = gauge(
            "auth_revocations_age_seconds",
            "Time since a worker last read which tokens are revoked.",
            multiprocess_mode="livemax",
        )
        self.secret_changes = counter(
            "secret_file_changes_total",
            "Changes of files with secrets: taken, or refused as unusable.",
            ["variable", "outcome"],
        )
        self.call_seconds = histogram(
            "client_call_duration_seconds", "Duration of outgoing calls.", ["host", "outcome"]
        )
        self.call_retries = counter(
            "client_call_retries_total", "Further attempts at outgoing calls.", ["host"]
        )

        self.pool_size = gauge(
            "db_pool_connections_max", "Connections that a pool may open.", ["pool"]
        )
        self.pool_in_use = gauge("db_pool_connections_in_use", "Connections in use.", ["pool"])
        self.pool_waiting = gauge(
            "db_pool_waiting_requests", "Requests that wait for a connection.", ["pool"]
        )
        self.replica_lag = gauge(
            "db_replica_lag_seconds",
            "Time since the replica was as new as the primary.",
            multiprocess_mode="livemax",
        )
        self.statement_seconds = histogram(
            "db_statement_duration_seconds", "Duration of statements.", ["statement"]
        )
        self.cache_entries = gauge("cache_entries", "Values that are cached, or being computed.")
        self.cache_reads = counter(
            "cache_reads_total", "Reads of the cache: hits, and misses to compute.", ["outcome"]
        )

        self.offload_running = gauge(
            "offload_calls_running", "Calls that run alongside the event loop.", ["pool"]
        )
        self.offload_waiting = gauge(
            "offload_calls_waiting", "Calls that wait for a slot.", ["pool"]
        )
        self.offload_wait_seconds = histogram(
            "offload_wait_seconds", "Time that calls waited for a slot.", ["pool", "call"]
        )
        self.offload_run_seconds = histogram(
            "offload_run_seconds", "Time that calls ran.", ["pool", "call"]
        )
        self.offload_abandoned = counter(
            "offload_calls_abandoned_total", "Calls whose request ended first.", ["pool"]
        )

        self.loop_lag_seconds = histogram(
            "event_loop_lag_seconds", "How late the event loop was, about sixteen times a second."
        )
        self.loop_blocked = counter(
            "event_loop_blocked_total", "Times the event loop was blocked beyond WATCHDOG_LAG."
        )
        self.log_dropped = counter(
            "log_lines_dropped_total", "Log lines that nobody read in time.", ["stream"]
        )
        for stream in ("stdout", "stderr"):
            self.log_dropped.labels(stream)
        self.readiness_checks = counter(
            "service_readiness_checks_total",
            "Checks of whether the service may get requests.",
            ["outcome"],
        )
        self.workers = gauge("service_workers", "Worker processes that run.")
        self.worker_starts = counter(
            "service_worker_starts_total", "Worker processes started, the first ones included."
        )
        self.watched_gauges: list[tuple[Gauge, Callable[[], float]]] = []


@cache
def get_metrics() -> Metrics:
    """Return the metrics of this process. The first call makes them."""
    return Metrics()


def count_requests(method: str, route: str, status: int, seconds: Sequence[float]) -> None:
    """Count answered requests, and the time of each.

    `route` is their template, like /v1/orders/{id}, or "unmatched".
    """
    if method not in METHODS:
        method = "other"
    metrics = get_metrics()
    metrics.requests.labels(method, route, status).inc(len(seconds))
    metrics.request_seconds.labels(method, route).observe_all(seconds)


def count_refusal(reason: str, number: int = 1) -> None:
    """Count requests refused because a limit was hit, such as "admission", "pool" or "export"."""
    get_metrics().refused.labels(reason).inc(number)


def watch_gauge(gauge: Gauge, read: Callable[[], float]) -> None:
    """Let a gauge show what `read` returns.

    It is read at each scrape, or every second if workers share their metrics through a folder.
    """
    if MULTIPROC_DIR in os.environ:
        get_metrics().watched_gauges.append((gauge, read))
    else:
        gauge.set_function(read)


async def sample_gauges() -> None:
    """Write watched gauges where the main process can read them, every second until cancelled."""
    while True:
        for gauge, read in get_metrics().watched_gauges:
            gauge.set(read())
        await asyncio.sleep(SAMPLE_SECONDS)


__getattr__ = find_renamed(__name__)
