# kit: updated by the template; extend it from app.py
"""Migrations: the SQL files of the service and of the kit, applied in order.

`files.py` reads them, `migrate.py` finds and applies what is pending, `apply.py` runs one file, in a transaction or,
where it asks for that, outside. `commands.py` is `service migrate`. May import db and edge.
"""

from service.kit.migrate.commands import apply_migrations
from service.kit.migrate.files import STANDALONE, MigrationError, read_files
from service.kit.migrate.migrate import MigrationOptions, apply_pending, find_pending

__all__ = [
    "STANDALONE",
    "MigrationError",
    "MigrationOptions",
    "apply_migrations",
    "apply_pending",
    "find_pending",
    "read_files",
]
