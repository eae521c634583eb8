# kit: updated by the template; extend it from app.py
"""`/metrics` for Prometheus: the sum over all workers, dead ones included, on a port of its own.

The main process serves it. Each process counts in the files of a slot, which it holds by a lock
(flock). A worker that takes over the slot of a dead one continues its counts, so none is lost and
no file is left over.
"""

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
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
from service.kit.server.runtime_folder import lock_file
from service.kit.work import metrics
from service.kit.work.command_error import CommandError

log = structlog.get_logger()


class MetricsOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """METRICS_*: where Prometheus finds /metrics, apart from the public port."""

    host: str = "127.0.0.1"
    """address of /metrics; 0.0.0.0 listens on all"""
    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """port of /metrics; 0 turns it off"""


@contextmanager
def serve_metrics(options: MetricsOptions, folder: Path) -> Generator[None]:
    """Serve `/metrics` while the block runs. Processes started in it count in `folder`.

    If the default port is taken, the service runs without metrics. Raises `CommandError` if a port
    that was set is taken.
    """
    folder.mkdir(exist_ok=True)
    registry = CollectorRegistry()
    registry.register(SummedMetrics(folder))
    text = "Name and version of the service, and version of Python."
    Info("service_build", text, registry=registry).info(describe_build())
    try:
        if options.port:
            # In a thread, which ends with the process.
            start_http_server(options.port, options.host, registry)
            os.environ[metrics.MULTIPROC_DIR] = str(folder)
            take_slot()
    except OSError as error:
        problem = f"Cannot listen on {options.host}:{options.port}: {error.strerror}."
        if "port" in options.model_fields_set:
            advice = "Choose another METRICS_PORT; METRICS_PORT=0 turns metrics off."
            raise CommandError(f"{problem} {advice}") from None
        advice = "Set METRICS_PORT; 0 turns metrics off, without this warning."
        log.warning("no metrics", error=f"{problem} {advice}")
    try:
        yield
    finally:
        os.environ.pop(metrics.MULTIPROC_DIR, None)


def describe_build() -> dict[str, str]:
    """Return the name and version of the service, and the version of Python."""
    found = find_distribution()
    return {"name": found.name, "version": found.version, "python": python_version()}


def take_slot() -> None:
    """Let this process count in a slot of its own. Call it before a metric is made."""
    folder_name = os.environ.get(metrics.MULTIPROC_DIR)
    if folder_name is None:
        return
    slot, lock = lock_free_slot(Path(folder_name))
    os.pwrite(lock, f"{os.getpid():<20}".encode(), 0)
    mark_process_dead(slot, folder_name)
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: slot)


def lock_free_slot(folder: Path) -> tuple[str, int]:
    """Return the first slot that no process holds, and the descriptor of its lock."""
    number = 0
    while True:
        slot = f"slot{number}"
        lock = lock_file(folder / f"{slot}.lock")
        if lock is not None:
            return slot, lock
        number += 1


class SummedMetrics:
    """Collects what all processes have counted, summed over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def collect(self) -> Iterable[Metric]:
        processes = self.find_processes()
        counted = MultiProcessCollector(None, str(self.folder)).collect()
        return [*counted, *measure_processes(processes)]

    def find_processes(self) -> dict[str, int]:
        """Return the ids of the living processes, by slot; clear the gauges of the dead ones."""
        processes = {}
        for path in self.folder.glob("*.lock"):
            lock = lock_file(path)
            if lock is not None:  # its process is dead
                mark_process_dead(path.stem, str(self.folder))
                os.close(lock)
                continue
            pid = path.read_text().strip()
            if pid:
                is_main = int(pid) == os.getpid()
                processes["main" if is_main else path.stem] = int(pid)
        return processes


def measure_processes(processes: Mapping[str, int]) -> Iterable[Metric]:
    """Return what processes use, measured by Linux, with their names as the label `process`."""
    families: dict[str, Metric] = {}
    for name, pid in processes.items():
        for found in ProcessCollector(pid=partial(int, pid), registry=None).collect():
            empty = Metric(found.name, found.documentation, found.type)
            family = families.setdefault(found.name, empty)
            for sample in found.samples:
                family.samples.append(sample._replace(labels={"process": name}))
    return families.values()
