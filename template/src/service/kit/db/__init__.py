# kit: updated by the template; extend it from app.py
"""PostgreSQL: statements as objects, and a bounded pool of connections to run them on.

A slice's `queries.py` needs `Query`, its handlers `Database` and `Connection`. `nested.py` makes
rows with structs in them; `database.py` runs statements, each within its time; `pool.py` bounds how
many connections are open and who waits for one (503 when the pool is full); `replica.py` measures
how far the replica lags; `capacity.py` checks at start that PostgreSQL admits them all.
`sessions.py` opens them, and has the settings DATABASE_*; `errors.py` turns PostgreSQL's errors
into problems (a unique violation into the 409 that its slice names). Imports work.
"""

from service.kit.db.database import Connection, Database
from service.kit.db.query import DEVELOPER, SAMPLE_INTERVAL, Query, Seed, sample_time
from service.kit.renamed import find_renamed

__all__ = ["DEVELOPER", "SAMPLE_INTERVAL", "Connection", "Database", "Query", "Seed", "sample_time"]

__getattr__ = find_renamed(__name__)
