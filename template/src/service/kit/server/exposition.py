# kit: updated by the template; extend it from app.py
"""`/metrics` for Prometheus: the sum over all workers, dead ones included, on a port of its own.

The main process serves it. Each worker writes its numbers to files in a shared folder, as prometheus_client does in its
multiprocess mode, so what a killed worker counted is still there.
"""

import os
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from itertools import groupby
from pathlib import Path
from platform import python_version

from prometheus_client import CollectorRegistry, Info, Metric, start_http_server
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service.kit.edge.metrics import SHARED


@contextmanager
def serve(host: str, port: int, folder: Path, package: str) -> Generator[None]:
    """Serve `/metrics` while the block runs. Processes that are started in it share what they count in `folder`."""
    folder.mkdir()
    os.environ[SHARED] = str(folder)
    registry = CollectorRegistry()
    registry.register(Workers(folder))
    Info("service_build", "What runs.", registry=registry).info(describe(package))
    start_http_server(port, host, registry)  # in a thread, which ends with the process
    try:
        yield
    finally:
        del os.environ[SHARED]


def describe(package: str) -> dict[str, str]:
    """Return the name and the version of the service that `package` is, and those of Python."""
    name = getattr(import_module(package), "NAME", package)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        version = "unknown"
    return {"name": name, "version": version, "python": python_version()}


class Workers:
    """Collects what all workers have counted. A scrape folds the files of the dead into one, so that they stay few."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scraping = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """Return every metric."""
        with self.scraping:
            dead = [
                path for path in sorted(self.folder.glob("*.db")) if not (pid := read_pid(path)) or not is_alive(pid)
            ]
            for kind, paths in groupby(dead, lambda path: path.name.partition("_")[0]):
                if kind in ("counter", "histogram", "summary"):
                    self.fold(kind, list(paths))
            for pid in {read_pid(path) for path in dead}:
                mark_process_dead(pid, str(self.folder))
            return list(MultiProcessCollector(None, str(self.folder)).collect())

    def fold(self, kind: str, dead: list[Path]) -> None:
        """Add up files of one kind into that of process 0, which does not exist, and delete them."""
        if [path.name for path in dead] == [f"{kind}_0.db"]:
            return
        total = self.folder / f"{kind}_0.new"
        file = MmapedDict(str(total))
        for key, value in add_up(dead):
            file.write_value(key, value, 0.0)
        file.close()
        for path in dead:
            path.unlink()
        total.rename(self.folder / f"{kind}_0.db")


def add_up(paths: list[Path]) -> Iterator[tuple[str, float]]:
    """Yield each value in files of one kind, added up, with the key under which such a file holds it."""
    for metric in MultiProcessCollector.merge([str(path) for path in paths], accumulate=False):
        for sample in metric.samples:
            names, values = list(sample.labels), list(sample.labels.values())
            yield mmap_key(metric.name, sample.name, names, values, metric.documentation), sample.value


def read_pid(path: Path) -> int:
    """Return the process that a file belongs to: the number at the end of its name."""
    return int(path.stem.rpartition("_")[2])


def is_alive(pid: int) -> bool:
    """Return whether a worker runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
