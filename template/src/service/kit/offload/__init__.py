# kit: updated by the template; extend it from app.py
"""What others do while the event loop goes on: threads, computing processes, and other services.
All of it is bounded.

`offload.py` bounds and runs what would block the event loop, with its settings OFFLOAD_*;
`processes.py` keeps the computing processes and holds their program. `client.py` makes the client
that calls other services, with its settings CLIENT_*, and `calls.py` makes its calls. May import
edge only.
"""

from service.kit.offload.client import ClientOptions, make_client
from service.kit.offload.offload import Offload, OffloadOptions, share_cores

__all__ = ["ClientOptions", "Offload", "OffloadOptions", "make_client", "share_cores"]
