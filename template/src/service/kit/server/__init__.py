# kit: updated by the template; extend it from app.py
"""The processes."""

from service.kit.server.environment import Environment, SettingsError
from service.kit.server.logs import LogOptions, MetricsOptions
from service.kit.server.serve import ServerOptions
from service.kit.server.watchdog import Watchdog, WatchdogOptions

__all__ = [
    "Environment",
    "LogOptions",
    "MetricsOptions",
    "ServerOptions",
    "SettingsError",
    "Watchdog",
    "WatchdogOptions",
]
