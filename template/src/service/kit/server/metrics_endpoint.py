# kit: updated by the template; extend it from app.py
"""`/metrics` for Prometheus: the sum over all workers, dead ones included, on a port of its own.

The main process serves it. Each process counts in the files of a slot, which it holds by a lock
(flock). A worker that takes over the slot of a dead one continues its counts, so none is lost and
no file is left over.

Each sample has the label `service_name`: where one Prometheus scrapes many services, alerts and
dashboards choose by it, however that one names what it scrapes.
"""

import os
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from platform import python_version
from typing import Annotated
from wsgiref.simple_server import WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

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


SERVICE_NAME = "service_name"
"""The label with the name of the service: OpenTelemetry's service.name, as Prometheus spells it."""


class MetricsOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """METRICS_*: where Prometheus finds /metrics, apart from the public port."""

    host: str = "127.0.0.1"
    """address of /metrics; 0.0.0.0 listens on all"""
    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """port of /metrics; 0 turns it off"""


@contextmanager
def serve_metrics(options: MetricsOptions, folder: Path) -> Generator[WSGIServer | None]:
    """Serve `/metrics` while the block runs. Processes started in it count in `folder`.

    Yields the server, or None if there is none: if the default port is taken, the service runs
    without metrics. Raises `CommandError` if a port that was set is taken.
    """
    folder.mkdir(exist_ok=True)
    build = describe_build()
    registry = CollectorRegistry()
    registry.register(SummedMetrics(folder, build["name"]))
    text = "Name and version of the service, and version of Python."
    Info("service_build", text, registry=registry).info({**build, SERVICE_NAME: build["name"]})
    server = None
    try:
        if options.port:
            # In a thread, which ends with the process.
            server, _ = start_http_server(options.port, options.host, registry)
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
        yield server
    finally:
        os.environ.pop(metrics.MULTIPROC_DIR, None)


def add_probes(server: WSGIServer, probes: Mapping[str, Callable[[], bool]]) -> None:
    """Answer the paths of probes, too: not every process listens on another port."""
    serve_others = server.get_app()
    assert serve_others is not None  # noqa: S101 - it serves metrics

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        probe = probes.get(environ["PATH_INFO"])
        if probe is None:
            return serve_others(environ, start_response)
        status = "200 OK" if probe() else "503 Service Unavailable"
        start_response(status, [])
        return [status.encode()]

    server.set_app(answer)


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
    """Collects what all processes of a service have counted, summed over them."""

    def __init__(self, folder: Path, service_name: str) -> None:
        self.folder = folder
        self.service_name = service_name

    def collect(self) -> Iterable[Metric]:
        processes = self.find_processes()
        counted = MultiProcessCollector(None, str(self.folder)).collect()
        families = [*counted, *measure_processes(processes)]
        for family in families:
            for sample in family.samples:
                sample.labels.setdefault(SERVICE_NAME, self.service_name)
        return families

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
