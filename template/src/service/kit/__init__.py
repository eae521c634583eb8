# kit: updated by the template; extend it from app.py
"""What every service of this template shares. It imports nothing from the service around it."""

import re
from importlib.metadata import distributions
from typing import NamedTuple

PACKAGE = __name__.partition(".")[0]
"""The name of the service's own package."""


class Distribution(NamedTuple):
    """What pyproject.toml said of this service when it was installed."""

    name: str
    version: str
    summary: str


def find_distribution() -> Distribution:
    """Return the distribution that this service is installed as: that of its command.

    It is the one place that knows the name, so a service can be renamed. Takes 2 ms. If nothing is
    installed, the name is that of the package, and the version is unknown.
    """
    for installed in distributions():
        for entry in installed.entry_points:
            # Not `entry.module`, which raises for a malformed entry of another package.
            package, *_ = re.split(r"[.:\s]", entry.value)
            if package == PACKAGE:
                summary = installed.metadata.get("Summary", "")
                return Distribution(installed.name, installed.version, summary)
    return Distribution(PACKAGE, "unknown", "")
