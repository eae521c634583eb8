# kit: updated by the template; extend it from app.py
"""PostgreSQL."""

from service.kit.db.database import Database
from service.kit.db.errors import Constraints
from service.kit.db.lease import Connection
from service.kit.db.postgres import DatabaseError, DatabaseOptions, UnreachableError
from service.kit.db.query import Query
from service.kit.db.seed import DEVELOPER, Seed

__all__ = [
    "DEVELOPER",
    "Connection",
    "Constraints",
    "Database",
    "DatabaseError",
    "DatabaseOptions",
    "Query",
    "Seed",
    "UnreachableError",
]
