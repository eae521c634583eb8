# kit: updated by the template; extend it from app.py
"""Routes."""

from service.kit.web.access import NEEDS_TOKEN, PUBLIC, Caller
from service.kit.web.idempotency import IdempotencyOptions
from service.kit.web.once import IdempotencyKey, once
from service.kit.web.openapi import Docs
from service.kit.web.requests import Cursor, Db, Limit, Offload
from service.kit.web.responses import Exporting
from service.kit.web.slices import Slice, build, describe

__all__ = [
    "NEEDS_TOKEN",
    "PUBLIC",
    "Caller",
    "Cursor",
    "Db",
    "Docs",
    "Exporting",
    "IdempotencyKey",
    "IdempotencyOptions",
    "Limit",
    "Offload",
    "Slice",
    "build",
    "describe",
    "once",
]
