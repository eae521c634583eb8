# kit: updated by the template; extend it from app.py
"""Migrations: the SQL files of the service and of the kit, applied in order.

`files.py` reads them and finds what is pending, `apply.py` applies it, in a transaction or, where a
file asks for that, outside. `rebuild.py` starts over in development. Imports db and work.
"""

from service.kit.migrate.files import find_pending
from service.kit.renamed import find_renamed

__all__ = ["find_pending"]

__getattr__ = find_renamed(__name__)
