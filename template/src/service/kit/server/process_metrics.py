# kit: updated by the template; extend it from app.py
"""What each process takes of the machine, as Linux counts it: processor time, memory and open files."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def measure(processes: Mapping[str, int]) -> Iterable[Metric]:
    """Return the metrics of processes, by the value of their label `process`. Without /proc they have no samples."""
    cpu = CounterMetricFamily("process_cpu_seconds", "Processor time, of user and system.", labels=["process"])
    memory = GaugeMetricFamily("process_resident_memory_bytes", "Resident memory.", labels=["process"])
    files = GaugeMetricFamily("process_open_fds", "Open file descriptors.", labels=["process"])
    for name, pid in processes.items():
        try:
            # See proc_pid_stat(5); the name of the program, in brackets, may hold anything.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            opened = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
        cpu.add_metric([name], (int(fields[11]) + int(fields[12])) / TICKS)
        memory.add_metric([name], int(fields[21]) * PAGE)
        files.add_metric([name], opened)
    return cpu, memory, files
