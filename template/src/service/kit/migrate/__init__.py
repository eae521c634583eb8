# kit: updated by the template; extend it from app.py
"""Migrations: the SQL files of the service and of the kit, applied in order.

`files.py` reads them and finds what is pending, `apply.py` applies it, in a transaction or, where a
file asks for that, outside. `commands.py` is `service migrate`. May import db and edge.
"""

from service.kit.migrate.apply import apply_pending
from service.kit.migrate.commands import apply_migrations
from service.kit.migrate.files import (
    STANDALONE,
    MigrationError,
    MigrationOptions,
    find_pending,
    read_files,
)

__all__ = [
    "STANDALONE",
    "MigrationError",
    "MigrationOptions",
    "apply_migrations",
    "apply_pending",
    "find_pending",
    "read_files",
]
