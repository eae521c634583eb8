# kit: updated by the template; extend it from app.py
"""`/metrics` for Prometheus: the sum over all workers, dead ones included, on a port of its own.

The main process serves it. Each process counts in files of a slot, which it holds by a lock
(flock). A worker that takes over the slot of a dead one goes on where that stopped, so no count is
lost and no file is left over.
"""

import fcntl
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from platform import python_version
from typing import Annotated

import structlog
from prometheus_client import (
    CollectorRegistry,
    Info,
    Metric,
    ProcessCollector,
    start_http_server,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from pydantic import BaseModel, Field

from service.kit import find_distribution
from service.kit.work import metrics
from service.kit.work.command_error import CommandError

log = structlog.get_logger()


class MetricsOptions(BaseModel, frozen=True):
    """METRICS_*: where Prometheus finds /metrics, apart from the public port."""

    host: Annotated[str, Field(description="address of /metrics; 0.0.0.0 listens on all")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Field(ge=0, le=65535, description="port of /metrics; 0 turns it off")] = (
        9464
    )


@contextmanager
def serve_metrics(options: MetricsOptions, folder: Path) -> Generator[None]:
    """Serve `/metrics` while the block runs. Processes started in it count in `folder`.

    If the default port is taken, the service runs without metrics; raises `CommandError` for a port
    that was set.
    """
    folder.mkdir(exist_ok=True)
    registry = CollectorRegistry()
    registry.register(Slots(folder))
    Info("service_build", "What runs.", registry=registry).info(describe())
    try:
        if options.port:
            start_http_server(
                options.port, options.host, registry
            )  # in a thread, which ends with the process
            os.environ[metrics.MULTIPROC_DIR] = str(folder)
            take_slot()
    except OSError as error:
        problem = f"Cannot listen on {options.host}:{options.port}: {error.strerror}."
        if "port" in options.model_fields_set:
            raise CommandError(
                f"{problem} Choose another METRICS_PORT; METRICS_PORT=0 turns metrics off."
            ) from None
        log.warning(
            "no metrics",
            error=f"{problem} Set METRICS_PORT; 0 turns metrics off, without this warning.",
        )
    try:
        yield
    finally:
        os.environ.pop(metrics.MULTIPROC_DIR, None)


def describe() -> dict[str, str]:
    """Return the name and version of the service, and the version of Python."""
    found = find_distribution()
    return {"name": found.name, "version": found.version, "python": python_version()}


def take_slot() -> None:
    """Let this process count in a slot of its own, until it ends. Call it before any metric is
    made.
    """
    if metrics.MULTIPROC_DIR not in os.environ:
        return
    folder = Path(os.environ[metrics.MULTIPROC_DIR])
    slots = ((name, lock(folder / f"{name}.lock")) for name in map("slot{}".format, count()))
    slot, held = next((name, held) for name, held in slots if held is not None)
    os.pwrite(held, f"{os.getpid():<20}".encode(), 0)
    mark_process_dead(slot, str(folder))
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: slot)


class Slots:
    """Collects what all processes have counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def collect(self) -> Iterable[Metric]:
        processes = {}
        for path in self.folder.glob("*.lock"):
            if (held := lock(path)) is not None:  # its process is dead, and so are its live gauges
                mark_process_dead(path.stem, str(self.folder))
                os.close(held)
            elif pid := path.read_text().strip():
                processes["main" if int(pid) == os.getpid() else path.stem] = int(pid)
        return [*MultiProcessCollector(None, str(self.folder)).collect(), *measure(processes)]


def lock(path: Path) -> int | None:
    """Lock a file, and return the descriptor whose closing unlocks it; None while another process
    holds the lock.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def measure(processes: Mapping[str, int]) -> Iterable[Metric]:
    """Return what processes take of the machine, as Linux tells it, by the value of their label
    `process`.
    """
    families: dict[str, Metric] = {}
    for name, pid in processes.items():
        for found in ProcessCollector(pid=partial(int, pid), registry=None).collect():
            family = families.setdefault(
                found.name, Metric(found.name, found.documentation, found.type)
            )
            family.samples += [
                sample._replace(labels={"process": name}) for sample in found.samples
            ]
    return families.values()
