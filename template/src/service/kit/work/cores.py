# kit: updated by the template; extend it from app.py
"""Counts the CPU cores that this process may use."""

import os
from pathlib import Path

QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")
"""The container's quota: microseconds of CPU time, and the period in microseconds."""


def count_cores(quota_file: Path = QUOTA_FILE) -> int:
    """Return how many cores the machine, the process's affinity and the container's quota allow."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        allowed = round(int(quota) / int(period))
    except (OSError, ValueError):  # no such file, or it says "max"
        return cores
    return max(1, min(cores, allowed))
