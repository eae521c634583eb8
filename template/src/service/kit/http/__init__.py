# kit: updated by the template; extend it from app.py
"""The one part of the kit that knows the web framework, and all of it that slices and `app.py` need."""

from service.kit.http.access import NEEDS_TOKEN, PUBLIC, Caller
from service.kit.http.requests import Cursor, Db, Limit, Offload
from service.kit.http.responses import Exporting, Importing
from service.kit.http.retries import IdempotencyKey, once
from service.kit.http.slices import Slice, build, describe

__all__ = [
    "NEEDS_TOKEN",
    "PUBLIC",
    "Caller",
    "Cursor",
    "Db",
    "Exporting",
    "IdempotencyKey",
    "Importing",
    "Limit",
    "Offload",
    "Slice",
    "build",
    "describe",
    "once",
]
