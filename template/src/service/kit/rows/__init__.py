# kit: updated by the template; extend it from app.py
"""Lists and exports: declared once as a `Listing`, read a page at a time by cursor, or streamed as CSV or NDJSON.

To add a filter, give the slice's `Filter` a field, and the `Listing` in its `queries.py` a set with it: `listing.py`
makes the statements. `pages.py` has cursors and the `Link` header, `export.py` the streams. May import db and edge.
"""

from service.kit.rows.export import Export, ExportOptions, Exports
from service.kit.rows.formats import FormatName
from service.kit.rows.listing import Filter, Listing
from service.kit.rows.pages import DEFAULT_LIMIT, Cursor, Limit, Page, instant, link

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
    "instant",
    "link",
]
