# kit: updated by the template; extend it from app.py
"""Calls that would block the event loop, in threads or in computing processes: bounded, and 503 when they are full.

`offload.py` is what a service uses, with its settings OFFLOAD_*. `threads.py` bounds and runs calls, `processes.py`
keeps the computing processes and holds their program. May import edge only.
"""

from service.kit.offload.offload import Offload, OffloadOptions, share_cores

__all__ = ["Offload", "OffloadOptions", "share_cores"]
