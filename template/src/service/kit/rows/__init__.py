# kit: updated by the template; extend it from app.py
"""Lists and exports: declared once as a `Listing`, read a page at a time by cursor, or streamed as
CSV or NDJSON.

To add a filter, give the slice's `Filter` a field, and the `Listing` in its `queries.py` a set with
it: `listing.py` makes the statements, and has cursors and the `Link` header; `export.py` has the
streams. May import db and edge.
"""

from service.kit.rows.export import Export, ExportOptions, Exports, FormatName
from service.kit.rows.listing import DEFAULT_LIMIT, Cursor, Filter, Limit, Listing, Page, link

__all__ = [
    "DEFAULT_LIMIT",
    "Cursor",
    "Export",
    "ExportOptions",
    "Exports",
    "Filter",
    "FormatName",
    "Limit",
    "Listing",
    "Page",
    "link",
]
