"""Requests about the status: parse, call, respond."""

from service.kit.db import Database
from service.kit.web import PUBLIC, Routes
from service.status import queries
from service.status.model import Status

routes = Routes("/v1/status", access=PUBLIC, tags=["status"])


@routes.get("", summary="Read the status")
async def read_status(db: Database) -> Status:
    """Return what the database says of itself: it is there, and this is its time."""
    return await db.fetch_one(queries.read_status)
