# kit: updated by the template; extend it from app.py
"""PostgreSQL: statements as objects, a bounded pool of connections to run them on, and what its
errors mean.

A slice's `queries.py` needs `Query`, its handlers `Database` and `Connection`. `pool.py` bounds how
many connections are open and who waits for one (503), and chooses their number from cores and
workers, unless DATABASE_POOL_SIZE says it; `database.py` checks at start that PostgreSQL admits
them all. `sessions.py` opens them, and has the settings DATABASE_*; `errors.py` says what errors
mean. Imports edge only.
"""

from service.kit.db.connection import Connection
from service.kit.db.database import Database, check_capacity
from service.kit.db.errors import ERRORS, Constraints, DatabaseError, UnreachableError, explain
from service.kit.db.pool import choose_pool_size
from service.kit.db.query import DEVELOPER, EVERY, NEWEST, AnyQuery, Query, Seed, sample_time
from service.kit.db.query import find as find_queries
from service.kit.db.sessions import (
    DatabaseOptions,
    bypass_pooler,
    connect,
    dial,
    locate,
    read_url,
    time_limits,
)

__all__ = [
    "DEVELOPER",
    "ERRORS",
    "EVERY",
    "NEWEST",
    "AnyQuery",
    "Connection",
    "Constraints",
    "Database",
    "DatabaseError",
    "DatabaseOptions",
    "Query",
    "Seed",
    "UnreachableError",
    "bypass_pooler",
    "check_capacity",
    "choose_pool_size",
    "connect",
    "dial",
    "explain",
    "find_queries",
    "locate",
    "read_url",
    "sample_time",
    "time_limits",
]
