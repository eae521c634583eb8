# kit: updated by the template; extend it from app.py
"""Lists and exports: declared once as a `Listing`, read page by page, or streamed as a file.

To add a filter, give the slice's `Filter` a field, and the `Listing` in its `queries.py` a set with
it. `listing.py` chooses the statement of a request and makes the `Link` header; `statements.py`
writes the SQL of each order; `cursor.py` encodes where a page ends. `export.py` streams rows;
`formats.py` has CSV, with its escaping, and NDJSON. Imports db and work.
"""

from service.kit.renamed import find_renamed
from service.kit.rows.cursor import Cursor
from service.kit.rows.export import Export, Exports
from service.kit.rows.formats import FormatName
from service.kit.rows.listing import DEFAULT_LIMIT, BaseFilter, Filter, Limit, Listing, Page

__all__ = [
    "DEFAULT_LIMIT",
    "BaseFilter",
    "Cursor",
    "Export",
    "Exports",
    "Filter",
    "FormatName",
    "Limit",
    "Listing",
    "Page",
]

__getattr__ = find_renamed(__name__)
