# kit: updated by the template; extend it from app.py
"""Migrations."""

from service.kit.migrate.files import MigrationError, begin_linting, read_files
from service.kit.migrate.migrate import MigrationOptions, apply_pending, find_pending

__all__ = ["MigrationError", "MigrationOptions", "apply_pending", "begin_linting", "find_pending", "read_files"]
