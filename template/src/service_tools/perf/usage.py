# kit: updated by the template; extend it from app.py
"""What the service used under a load: its memory, its pools, and how late its event loop was, by its own metrics."""

import threading
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress

import msgspec
from prometheus_client.parser import text_string_to_metric_families

SAMPLE_SECONDS = 0.5

METRICS = ("db_pool_connections_in_use", "db_pool_waiting_requests", "event_loop_lag_seconds")

type Metrics = Mapping[str, float]


class Usage(msgspec.Struct, frozen=True):
    """Resident memory, where the service is ours; the most connections in use, and requests that waited for one.

    The event loop was later than `lag_p99_ms` in 1 % of the looks at it, at most.
    """

    memory_mb: float | None = None
    pool_in_use: float = 0.0
    pool_waiting: float = 0.0
    lag_p99_ms: float = 0.0


@contextmanager
def watch(url: str) -> Generator[list[Metrics]]:
    """Yield a list that gathers the metrics at a URL while the block runs."""
    seen, over = [read(url)], threading.Event()

    def repeat() -> None:
        while not over.wait(SAMPLE_SECONDS):
            seen.append(read(url))
        seen.append(read(url))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def read(url: str) -> Metrics:
    """Return the metrics by name, those with a label by `name:label`; none of a service that shows none."""
    if url:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - ours
            families = [it for it in text_string_to_metric_families(answer.read().decode()) if it.name in METRICS]
            found = [(it, it.labels.get("le") or it.labels.get("pool", "")) for each in families for it in each.samples]
            return {f"{it.name}:{label}": it.value for it, label in found}
    return {}


def summarise(seen: Sequence[Metrics], memory_mb: float | None) -> Usage:
    grown = {name: value - seen[0].get(name, 0) for name, value in seen[-1].items()}
    count = grown.get("event_loop_lag_seconds_count:", 0)
    bounds = sorted((float(name.rpartition(":")[2]), value) for name, value in grown.items() if "_bucket:" in name)
    p99 = next((bound for bound, below in bounds if below >= 0.99 * count), 0.0)
    in_use, waiting = (find_most(seen, name) for name in ("db_pool_connections_in_use:", "db_pool_waiting_requests:"))
    return Usage(memory_mb, in_use, waiting, min(p99, 10) * 1000)


def find_most(seen: Sequence[Metrics], prefix: str) -> float:
    """Return the highest sum over all pools that was seen."""
    return max(sum(value for name, value in it.items() if name.startswith(prefix)) for it in seen)
