# kit: updated by the template; extend it from app.py
"""The environment variables of `service dev`. They come from the shell, its options, and files."""

import os
from collections.abc import Set

from service.kit.commands.development import ENV_FILES
from service.kit.server.settings import is_set, load_env_files

ALWAYS = {"SERVER_DOCS": "true", "EDGE_TIMING": "true"}
DEFAULTS = {"LOG_FORMAT": "console", "METRICS_PORT": "0", "WATCHDOG_CONSOLE": "true"}
"""Variables that are different in development, unless they are set."""


class Variables:
    """Sets the variables of `service dev`; `from_files` are those that the .env files have set.

    `chosen` wins over all others.
    """

    def __init__(self, chosen: dict[str, str], from_files: Set[str]) -> None:
        fixed = ALWAYS | chosen
        self.has_own_database = not is_set("DATABASE_URL")
        changeable = from_files | (DEFAULTS.keys() - os.environ.keys())
        self.changeable = changeable - fixed.keys() - {"DATABASE_URL", "DATABASE_URL_FILE"}
        os.environ |= DEFAULTS | os.environ | fixed

    def read_again(self) -> None:
        """Set what the .env files say now. Raises `CommandError` for one that cannot be read."""
        for name in self.changeable:
            os.environ.pop(name, None)
        self.changeable |= load_env_files(*ENV_FILES)
        os.environ |= DEFAULTS | os.environ
