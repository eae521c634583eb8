# kit: updated by the template; extend it from app.py
"""What would block the event loop, run alongside it: in threads and in processes, both bounded.

`offload.py` bounds and runs it, with the settings OFFLOAD_*; `processes.py` keeps the processes and
holds their program. Imports work.
"""

from service.kit.offload.offload import Offload
from service.kit.renamed import find_renamed

__all__ = ["Offload"]


def __getattr__(name: str) -> object:
    return find_renamed(__name__, name)
