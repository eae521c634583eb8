# kit: updated by the template; extend it from app.py
"""The `service` command. Each subcommand has a module of its name.

`cli.py` finds and runs them, and `definition.py` has what they are given. `development.py` finds
those that only development has. A team adds its own in `__main__.py`, with `@service.command()`.
Imports all other packages.
"""

from service.kit.commands.cli import main, service
from service.kit.renamed import find_renamed

__all__ = ["main", "service"]

__getattr__ = find_renamed(__name__)
