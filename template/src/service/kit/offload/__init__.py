# kit: updated by the template; extend it from app.py
"""Runs calls that would block the event loop: in threads and in processes, both bounded.

`offload.py` is what handlers call, with the settings OFFLOAD_*; `thread_pool.py` bounds the calls
and runs them in threads; `processes.py` keeps the processes and holds their program. Imports work.
"""

from service.kit.offload.offload import Offload
from service.kit.renamed import find_renamed

__all__ = ["Offload"]

__getattr__ = find_renamed(__name__)
