# kit: updated by the template; extend it from app.py
"""Measures what a request takes of its worker, for the header `Server-Timing`."""

import time
from collections import Counter
from collections.abc import Awaitable, Generator
from typing import Any, Self

RECEIVING = "receiving"
"""The layer of a body that arrives, before the application is called."""

WITHOUT_WAITING = (RECEIVING, "encoding", "compression")
"""Layers in which the application does not wait. In all others, it mostly does."""


class Stopwatch(Generator[Any, Any, None]):
    """Awaits work, and measures its CPU time and how long it is suspended, in seconds.

    Whatever else runs on the event loop meanwhile does not count. The console finds what the work
    waits for by `cr_await`, as in a coroutine.
    """

    def __init__(self, work: Awaitable[None]) -> None:
        self.cr_await = work
        self.steps: Any = work.__await__()
        self.cpu = 0.0
        self.waited = 0.0
        self.resumed_at = 0.0
        self.suspended_at = 0.0

    def __await__(self) -> Self:
        return self

    def send(self, value: Any) -> Any:
        self.resume()
        try:
            return self.steps.send(value)
        finally:
            self.suspend()

    def throw(self, *error: Any) -> Any:
        self.resume()
        try:
            return self.steps.throw(*error)
        finally:
            self.suspend()

    def resume(self) -> None:
        if self.suspended_at:
            self.waited += time.perf_counter() - self.suspended_at
        self.resumed_at = time.thread_time()

    def suspend(self) -> None:
        self.read_cpu()
        self.suspended_at = time.perf_counter()

    def read_cpu(self) -> float:
        """Return the CPU time until now, also once the work has ended."""
        now = time.thread_time()
        self.cpu += now - self.resumed_at
        self.resumed_at = now
        return self.cpu


class CountedSpans(dict[str, float]):
    """Seconds by layer. `counts` has how often each was charged."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __setitem__(self, layer: str, seconds: float) -> None:
        self.counts[layer] += 1
        super().__setitem__(layer, seconds)


def describe_timing(spans: CountedSpans, total: float, watch: Stopwatch | None) -> bytes:
    """Return the time spent so far by layer, as browsers show it in their network panel.

    What no layer accounts for is the handler's. Of that, `waiting` is the time in which the request
    was suspended. `cpu` is the CPU time of all layers in the event loop.
    """
    rest = max(0.0, total - sum(spans.values()))  # several may run at once
    layers = {**spans, "handler": rest}
    if watch:
        elsewhere = [spans[layer] for layer in spans if layer not in WITHOUT_WAITING]
        layers["waiting"] = min(max(0.0, watch.waited - sum(elsewhere)), rest)
        layers["handler"] -= layers["waiting"]
        layers["cpu"] = watch.read_cpu()
    layers["total"] = total
    metrics = [f"{name};dur={seconds * 1000:.3f}" for name, seconds in layers.items()]
    if statements := spans.counts["database"]:
        place = [*layers].index("database")
        metrics[place] += f';desc="statements: {statements}"'
    return ", ".join(metrics).encode()
