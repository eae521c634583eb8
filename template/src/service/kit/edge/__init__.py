# kit: updated by the template; extend it from app.py
"""The edge: what every request passes first and every response last.

`edge.py` is the way in: request id, host, overload (503) and deadline (504). `bodies.py` bounds the
request body, `uploads.py` one that is read as it arrives, `options.py` has the settings EDGE_*.
`response.py` is the way out: ETag, compression, headers; `compression.py` has its levels. `cors.py`
lets pages of other origins read it, those that `origins.py` reads from the settings.
`slow_clients.py` says where slow clients are cut off. `events.py` has responses that stay open,
`sockets.py` WebSockets, `health.py` /livez and /readyz, `access_log.py` the log line and the
metrics of each request. Imports work.
"""

from service.kit.edge.edge import Edge
from service.kit.renamed import find_renamed

__all__ = ["Edge"]

__getattr__ = find_renamed(__name__)
