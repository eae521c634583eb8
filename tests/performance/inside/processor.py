"""The processor time of other processes."""

from pathlib import Path


def read_cpu(pid: int) -> float:
    """Return the processor seconds that a process has used so far, from the scheduler, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
