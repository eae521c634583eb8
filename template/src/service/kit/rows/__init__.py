# kit: updated by the template; extend it from app.py
"""Lists and exports."""

from service.kit.rows.export import Export, ExportOptions, Exports
from service.kit.rows.pages import DEFAULT_LIMIT, Cursor, Keyset, Limit, Page

__all__ = ["DEFAULT_LIMIT", "Cursor", "Export", "ExportOptions", "Exports", "Keyset", "Limit", "Page"]
