# kit: updated by the template; extend it from app.py
"""Routes: who may call them, what their functions are given, and how their results and errors are sent."""

from service.kit.auth import Caller
from service.kit.web.app import build
from service.kit.web.idempotency import IdempotencyKey, IdempotencyOptions, once, require
from service.kit.web.replies import Reply, created
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC, AccessError, Routes, Slice

__all__ = [
    "NEEDS_TOKEN",
    "PUBLIC",
    "AccessError",
    "Caller",
    "IdempotencyKey",
    "IdempotencyOptions",
    "Reply",
    "Routes",
    "Slice",
    "build",
    "created",
    "once",
    "require",
]
