# kit: updated by the template; extend it from app.py
"""PostgreSQL."""

from service.kit.db.connections import time_limits
from service.kit.db.database import Database
from service.kit.db.errors import Constraints
from service.kit.db.lease import Connection
from service.kit.db.postgres import DatabaseError, DatabaseOptions, UnreachableError, bypass_pooler, connect, read_url
from service.kit.db.query import Query

__all__ = [
    "Connection",
    "Constraints",
    "Database",
    "DatabaseError",
    "DatabaseOptions",
    "Query",
    "UnreachableError",
    "bypass_pooler",
    "connect",
    "read_url",
    "time_limits",
]
