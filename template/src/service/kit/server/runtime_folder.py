# kit: updated by the template; extend it from app.py
"""The folder through which the main process and its workers know of each other, as long as the service runs.

The main process opens it; the processes that it starts find it by an environment variable.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "SERVICE_RUNTIME_FOLDER"
PREFIX = "service-"
LOCK = "lock"

# Files in the folder, besides those of metrics_endpoint.py:
STARTED = "started"
"""Exists once a worker has started."""
DRAINING = "draining"
"""Exists once the service has been told to stop."""
FAULT = "fault"
"""Says why the main process wants no more requests for now."""
HEARTBEAT = "heartbeat-{pid}"
"""Touched by the event loop of a worker."""
STACK = "stack-{pid}"
"""Takes the stack of a worker that is asked for it."""


@contextmanager
def open_runtime_folder(parent: Path | None = None) -> Generator[Path]:
    """Yield a new folder, in memory where possible, so that nothing waits for a disk. It is removed afterwards.

    Folders that killed main processes left behind are removed as well: the lock of each ended with its process. A
    process id would not do, since containers that share their memory have equal ones.
    """
    parent = parent or find_parent()
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as name:
        lock = os.open(Path(name, LOCK), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sweep(parent)
            os.environ[VARIABLE] = name
            yield Path(name)
        finally:
            os.environ.pop(VARIABLE, None)
            os.close(lock)


def find_runtime_folder() -> Path | None:
    """Return the folder of the service that this process belongs to."""
    return Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None


def find_parent() -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it gets a random name
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def sweep(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}*/{LOCK}"):
        try:
            lock = os.open(path, os.O_RDWR)
        except OSError:
            continue  # another user's, or just gone
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
