"""The machine that figures are of, as their documents name it."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path


def describe() -> dict[str, str]:
    """Return the day and the machine of figures that are taken now."""
    return {"taken": f"{datetime.now(UTC):%Y-%m-%d}", "machine": f"{find_processor()}, {os.cpu_count()} cores"}


def find_processor() -> str:
    """Return the name of the processor."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown processor"
