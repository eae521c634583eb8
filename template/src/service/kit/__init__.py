# kit: updated by the template; extend it from app.py
"""The code that all services of this template share. It imports nothing of the team's files.

`work` is the base: the current request or job, limits, problems. `edge` is around every request,
`web` has routes, `auth` tokens and passwords. `db` is PostgreSQL, `migrate` its schema, `rows`
lists and exports. `offload` runs what would block, `calls` calls other services, `cache.py` keeps
values. `server` has the processes and the settings, `jobs` durable work, `commands` the command
line. `renamed.py` has the old names of all that.
"""

import re
from importlib.metadata import distributions
from typing import NamedTuple

PACKAGE = __name__.partition(".")[0]
"""The name of the service's own package."""


class Distribution(NamedTuple):
    """What pyproject.toml said about this service when it was installed."""

    name: str
    version: str
    summary: str
    license: str = ""


def find_distribution() -> Distribution:
    """Return the distribution that this service was installed from: the one with its command.

    Nothing else knows the name, so a service can be renamed. Takes 2 ms. Without an installation,
    the name is that of the package, and the version is "unknown".
    """
    for installed in distributions():
        for entry in installed.entry_points:
            # Not `entry.module`, which raises for a malformed entry of another package.
            package, *_ = re.split(r"[.:\s]", entry.value)
            if package == PACKAGE:
                summary = installed.metadata.get("Summary", "")
                spdx = installed.metadata.get("License-Expression", "")
                return Distribution(installed.name, installed.version, summary, spdx)
    return Distribution(PACKAGE, "unknown", "")
