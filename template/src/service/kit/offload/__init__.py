# kit: updated by the template; extend it from app.py
"""Work beside the event loop."""

from service.kit.offload.offload import Offload, OffloadOptions

__all__ = ["Offload", "OffloadOptions"]
