# kit: updated by the template; extend it from app.py
"""Calls that would block the event loop: in threads, in computing processes, and password hashes on their own.

`threads.py` bounds and runs calls, `processes.py` keeps the computing processes. May import `edge` only.
"""

from service.kit.offload.offload import Offload, OffloadOptions, share_cores

__all__ = ["Offload", "OffloadOptions", "share_cores"]
