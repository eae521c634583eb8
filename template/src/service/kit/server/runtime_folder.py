# kit: updated by the template; extend it from app.py
"""The folder of files by which the main process and its workers know each other's state."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.kit import find_distribution

RUNTIME_FOLDER_VARIABLE = "SERVICE_RUNTIME_FOLDER"

STARTED_FILE = "started"
"""Exists once a worker has started."""

DRAINING_FILE = "draining"
"""Exists once the service is stopping."""

FAULT_FILE = "fault"
"""Says why `/readyz` answers 503, while too many workers keep ending."""

HEARTBEAT_FILE = "heartbeat-{pid}"
"""Touched by the event loop of a worker."""

CONSOLE_SOCKET = "console-{pid}"
"""The socket on which a worker answers questions about itself (console.py)."""

RECORDING_FILE = "allocations-{pid}"
"""Gets the allocations of a worker whose memory is traced (memory_profile.py)."""

STACK_FILE = "stack-{pid}"
"""Gets the stack of a worker that is asked for it. A worker that logs its stack touches it."""


LEVEL_FILE = "log-level"
"""Has the level of the log for a while, and when that ends (log_level.py)."""


@contextmanager
def open_runtime_folder(parent: Path | None = None) -> Generator[Path]:
    """Yield a new folder, in memory where possible: nothing must wait for a disk.

    It is removed afterwards. Those that killed main processes left behind are removed as well.
    """
    parent = parent or find_memory()
    with tempfile.TemporaryDirectory(prefix="service-", dir=parent) as name:
        lock = create_lock(Path(name))
        remove_abandoned_folders(parent)
        os.environ[RUNTIME_FOLDER_VARIABLE] = name
        try:
            yield Path(name)
        finally:
            del os.environ[RUNTIME_FOLDER_VARIABLE]
            os.close(lock)


def create_lock(folder: Path) -> int:
    """Create the lock of a folder, with the name of this service. Others see it once it is held."""
    unseen = folder / "lock.new"
    lock = lock_file(unseen)
    assert lock is not None  # noqa: S101 - nobody else knows this file
    os.write(lock, find_distribution().name.encode())
    unseen.rename(folder / "lock")
    return lock


def remove_abandoned_folders(parent: Path) -> None:
    """Remove the folders of main processes that were killed.

    Their locks tell, which ended with them. Process ids would not: containers that share /dev/shm
    may have the same ones.
    """
    for folder, service in find_folders(parent):
        if service is None:
            shutil.rmtree(folder, ignore_errors=True)


def find_memory() -> Path:
    """Return a folder whose files are in memory, or else the one for temporary files."""
    memory = Path("/dev/shm")  # noqa: S108 - folders in it get random names
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def find_runtime_folders() -> Iterator[Path]:
    """Yield the folders of this service's main processes that run here, under the same user."""
    name = find_distribution().name
    for folder, service in find_folders(find_memory()):
        if service == name:
            yield folder


def find_folders(parent: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield this user's folders, with the service whose main process runs, or None if it ended.

    A folder of another user might have links to files of this one.
    """
    for path in parent.glob("service-*/lock"):
        with suppress(OSError):  # just gone
            if path.parent.lstat().st_uid != os.geteuid():
                continue
            lock = lock_file(path, create=False)
            yield path.parent, path.read_text() if lock is None else None
            if lock is not None:
                os.close(lock)


def lock_file(path: Path, *, create: bool = True) -> int | None:
    """Lock a file, until the returned descriptor is closed. None if another process holds it."""
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
