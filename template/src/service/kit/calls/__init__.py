# kit: updated by the template; extend it from app.py
"""Calls to other services over HTTP: bounded, retried where that is safe, and ended in time.

`client.py` makes the client, and `options.py` has its settings CLIENT_*. `transport.py` makes the
calls, and `name_lookup.py` finds their hosts in threads. Imports offload and work.
"""

from service.kit.calls.client import make_client
from service.kit.calls.options import ClientOptions
from service.kit.renamed import find_renamed

__all__ = ["ClientOptions", "make_client"]

__getattr__ = find_renamed(__name__)
