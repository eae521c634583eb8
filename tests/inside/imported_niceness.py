"""A module that notes how nice its process was when it was imported, and starts a thread then."""

import os
import threading
from pathlib import Path

AT_IMPORT = os.getpriority(os.PRIO_PROCESS, 0)

threading.Thread(target=threading.Event().wait, daemon=True).start()


def list_niceness() -> tuple[int, set[int]]:
    """Return the niceness at the import, and that of all threads now."""
    threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    return AT_IMPORT, {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}
