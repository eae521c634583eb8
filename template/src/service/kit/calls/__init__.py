# kit: updated by the template; extend it from app.py
"""Calls to other services over HTTP: bounded, retried where that is safe, and ended in time.

`client.py` makes the client, with the settings CLIENT_*; `transport.py` makes its calls. Imports
work.
"""

from service.kit.calls.client import ClientOptions, make_client
from service.kit.renamed import find_renamed

__all__ = ["ClientOptions", "make_client"]


def __getattr__(name: str) -> object:
    return find_renamed(__name__, name)
