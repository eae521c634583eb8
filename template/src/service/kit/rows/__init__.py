# kit: updated by the template; extend it from app.py
"""Lists and exports."""

from service.kit.rows.export import Export, ExportOptions, Exports
from service.kit.rows.pages import Keyset, Page

__all__ = ["Export", "ExportOptions", "Exports", "Keyset", "Page"]
