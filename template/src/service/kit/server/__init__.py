# kit: updated by the template; extend it from app.py
"""The processes: settings, the command line, the HTTP server and its workers, logs and metrics.

May import every room but jobs. Its commands stand in other rooms and in `service_tools`, and are imported by name.
"""

from service.kit.server import cli
from service.kit.server.http_server import ServerOptions, serve
from service.kit.server.logs import LogOptions, configure_logs
from service.kit.server.metrics_endpoint import MetricsOptions, serve_metrics, take_slot
from service.kit.server.ports import check_port
from service.kit.server.runtime_folder import CONSOLE, HEARTBEAT, VARIABLE, open_runtime_folder
from service.kit.server.settings import (
    KitSettings,
    SettingsError,
    list_variables,
    load_env_files,
    narrow,
    read_settings,
)
from service.kit.server.supervision import LOOK_SECONDS, Supervision
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
    "check_port",
    "cli",
    "configure_logs",
    "list_variables",
    "load_env_files",
    "narrow",
    "open_runtime_folder",
    "read_settings",
    "serve",
    "serve_metrics",
    "take_slot",
]
