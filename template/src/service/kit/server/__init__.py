# kit: updated by the template; extend it from app.py
"""The processes: settings, the HTTP server and its workers, logs and metrics.

`settings.py` reads the settings, and says how to add one. `http_server.py` (granian) starts the
workers of `process.py`; `supervision.py` replaces one that ends, or that has no heartbeat from
`watchdog.py`. `signals.py` says what SIGTERM does. `metrics_endpoint.py` adds up the metrics of all
workers; `logs.py` formats log lines, and `output.py` writes them without blocking. Imports all
packages but jobs and commands.
"""

from service.kit.renamed import find_renamed
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings

__all__ = ["KitSettings", "configure_logs", "read_settings"]

__getattr__ = find_renamed(__name__)
