# kit: updated by the template; extend it from app.py
"""The folder through which the main process and its workers know of each other, as long as the service runs.

The main process opens it; the processes that it starts find it by an environment variable.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "SERVICE_RUNTIME_FOLDER"
PREFIX = "service-"
LOCK = "lock"

STARTED = "started"  # exists once a worker has started
DRAINING = "draining"  # exists once the service has been told to stop
FAULT = "fault"  # says why the main process wants no requests for now
HEARTBEAT = "heartbeat-{pid}"  # touched by the event loop of a worker
CONSOLE = "console-{pid}"  # the socket on which a worker tells what it does
STACK = "stack-{pid}"  # takes the stack of a worker that is asked for it


@contextmanager
def open_runtime_folder(parent: Path | None = None) -> Generator[Path]:
    """Yield a new folder, in memory where possible, so that nothing waits for a disk. It is removed afterwards.

    Folders that killed main processes left behind are removed as well: the lock of each ended with its process. A
    process id would not do, since containers that share their memory have equal ones.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it gets a random name
    parent = parent or (memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as name:
        held = lock(Path(name, LOCK))
        assert held is not None  # noqa: S101 - the folder is new
        try:
            sweep(parent)
            os.environ[VARIABLE] = name
            yield Path(name)
        finally:
            os.environ.pop(VARIABLE, None)
            os.close(held)


def find_runtime_folder() -> Path | None:
    """Return the folder of the service that this process belongs to."""
    return Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None


def sweep(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError):  # another user's, or just gone
            if (held := lock(path)) is not None:
                shutil.rmtree(path.parent, ignore_errors=True)
                os.close(held)


def lock(path: Path) -> int | None:
    """Lock a file, and return the descriptor whose closing unlocks it; None while another process holds the lock."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
