# kit: updated by the template; extend it from app.py
"""What is counted and measured of jobs, for Prometheus."""

from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from service.kit.edge import metrics

BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)


class Meters:
    """The metrics of this process. `job` is the name of a declared job."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")

        def seconds(name: str, text: str) -> Histogram:
            return Histogram(name, text, ["job"], registry=registry, buckets=BUCKETS)

        self.enqueued = Counter(
            "jobs_enqueued_total", "Jobs put into the queue, rolled-back ones included.", ["job"], registry=registry
        )
        self.runs = Counter(
            "job_runs_total", "Runs that ended: succeeded, retried, held, cut.", ["job", "outcome"], registry=registry
        )
        self.running = gauge("jobs_running", "Jobs that run.", "job")
        self.wait = seconds("job_wait_seconds", "From when a job could have run until it did.")
        self.run = seconds("job_run_seconds", "What a run took.")
        self.queue = gauge("jobs_in_queue", "Jobs by their status, at most 15 seconds ago.", "job", "status")


@cache
def meters() -> Meters:
    """Return the metrics of this process, made at the first call."""
    metrics.meters()  # it sets how values are shared
    return Meters()
