# kit: updated by the template; extend it from app.py
"""The processes: settings, the command line, the HTTP server and its workers, logs and metrics.

To add a setting, give a group in the team's `settings.py` a field; `settings.py` here reads and
checks them. `cli.py` has the commands. Requests come in by `http_server.py` (granian) and
`process.py`, which ends in time; `supervision.py` replaces workers that end, or whose loop
`watchdog.py` sees stuck; `console.py` tells what a worker is doing. `logs.py` says how lines look,
and `output.py` writes them without waiting for a reader. May import every room but jobs.
"""

from service.kit.server import cli
from service.kit.server.cli import Wiring
from service.kit.server.http_server import ServerOptions, serve
from service.kit.server.logs import LogOptions, configure_logs, shorten
from service.kit.server.metrics_endpoint import MetricsOptions
from service.kit.server.output import end_output
from service.kit.server.process import make
from service.kit.server.settings import (
    KitSettings,
    SettingsError,
    list_variables,
    load_env_files,
    read_settings,
)
from service.kit.server.supervision import (
    CONSOLE,
    HEARTBEAT,
    LOOK_SECONDS,
    VARIABLE,
    Supervision,
    supervise,
)
from service.kit.server.watchdog import Watchdog, WatchdogOptions

__all__ = [
    "CONSOLE",
    "HEARTBEAT",
    "LOOK_SECONDS",
    "VARIABLE",
    "KitSettings",
    "LogOptions",
    "MetricsOptions",
    "ServerOptions",
    "SettingsError",
    "Supervision",
    "Watchdog",
    "WatchdogOptions",
    "Wiring",
    "cli",
    "configure_logs",
    "end_output",
    "list_variables",
    "load_env_files",
    "make",
    "read_settings",
    "serve",
    "shorten",
    "supervise",
]
