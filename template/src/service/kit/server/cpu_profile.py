# kit: updated by the template; extend it from app.py
"""Tells which lines of a worker use its CPU time."""

import signal
import time
import traceback
from collections import Counter
from contextlib import suppress
from types import FrameType

from service.kit.server.task_profile import SAMPLE_SECONDS, describe_frame

TICK = 0.004
"""Seconds of CPU that a sample stands for: most kernels look at the clock of a process as often."""

MIN_CPU_INTERVAL = 0.001


class CpuProfile:
    """Counts stacks of the thread that makes it, which has to be the main one."""

    def __init__(self) -> None:
        self.is_closed = False
        self.counted_until = 0.0
        """The CPU time of the thread that is counted; 0 before the first signal."""
        self.stacks: Counter[tuple[str, ...]] = Counter()
        signal.signal(signal.SIGPROF, self.count_stack)
        signal.siginterrupt(signal.SIGPROF, False)

    def sample(self) -> list[tuple[tuple[str, ...], int]]:
        """Return the stacks that the loop's thread had in the next second, each with its samples.

        One is taken for each TICK of its CPU time. So it matters neither how busy the machine is,
        nor who holds the GIL.
        """
        self.stacks.clear()
        self.counted_until = 0.0
        signal.setitimer(signal.ITIMER_PROF, MIN_CPU_INTERVAL, MIN_CPU_INTERVAL)
        if not self.is_closed:
            time.sleep(SAMPLE_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return [*self.stacks.items()]

    def close(self) -> None:
        """Send no more signals: Python's handlers end before the process does."""
        self.is_closed = True
        signal.setitimer(signal.ITIMER_PROF, 0)

    def count_stack(self, _: int, frame: FrameType | None) -> None:
        """Count the ticks since the last signal for what the loop's thread is at.

        Runs in that thread, once a call in C returns, and then all ticks during the call count, and
        up to one before it. The CPU time of other threads brings signals as well, but no ticks.
        """
        with suppress(Exception):  # nothing may be raised in the middle of another function
            now = time.thread_time()
            self.counted_until = self.counted_until or now
            ticks = int((now - self.counted_until) / TICK)
            if ticks:
                self.counted_until += ticks * TICK
                lines = [describe_frame(each) for each, _ in traceback.walk_stack(frame)]
                self.stacks[*reversed(lines)] += ticks
