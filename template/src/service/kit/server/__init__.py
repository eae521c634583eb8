# kit: updated by the template; extend it from app.py
"""The processes: settings, the HTTP server and its workers, logs and metrics.

To add a setting, give a group in the team's `settings.py` a field; `settings.py` here reads and
checks them. Requests come in by `http_server.py` (granian) and `process.py`, which ends in time;
`supervision.py` replaces workers that end, or whose loop `watchdog.py` sees stuck; `console.py`
tells what a worker is doing. `logs.py` says how lines look, and `output.py` writes them without
waiting for a reader. Imports all packages named so far.
"""

from service.kit.renamed import find_renamed
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings

__all__ = ["KitSettings", "configure_logs", "read_settings"]


def __getattr__(name: str) -> object:
    return find_renamed(__name__, name)
