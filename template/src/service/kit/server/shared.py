# kit: updated by the template; extend it from app.py
"""The folder through which the main process and its workers know of each other, as long as the service runs."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "service-"
LOCK = "lock"


@contextmanager
def provide(parent: Path | None = None) -> Generator[Path]:
    """Yield a new folder, in memory where that is possible: counting must not wait for a disk.

    What a killed main process left behind is removed: the lock on its folder ended with it. A process id would not do,
    since containers that share their memory number their processes anew.
    """
    parent = parent or find_parent()
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as name:
        lock = os.open(Path(name, LOCK), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sweep(parent)
            yield Path(name)
        finally:
            os.close(lock)


def find_parent() -> Path:
    """Return the folder to make ours in."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made there
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def sweep(parent: Path) -> None:
    """Remove the folders that nobody holds the lock of."""
    for path in parent.glob(f"{PREFIX}*/{LOCK}"):
        try:
            lock = os.open(path, os.O_RDWR)
        except OSError:
            continue  # it is another user's, or has just gone
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
