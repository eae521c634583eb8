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
    """Return the distribution that this service is installed as: the one with a command in
    `service`.

    It is the one place that knows the name, so a service can be renamed. Takes 2 ms. Where nothing
    is installed, it is the name of the package, of an unknown version.
    """
    for it in distributions():
        # Not `entry.module`, which raises for an entry of another package that is malformed.
        if any(re.split(r"[.:\s]", entry.value)[0] == PACKAGE for entry in it.entry_points):
            return Distribution(it.name, it.version, it.metadata.get("Summary", ""))
    return Distribution(PACKAGE, "unknown", "")
