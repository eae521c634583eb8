# kit: updated by the template; extend it from app.py
"""Tells which lines of a worker use its CPU time."""

import signal
import time
import traceback
from collections import Counter
from contextlib import suppress
from types import FrameType

from service.kit.server.task_profile import SAMPLE_SECONDS, describe_frame

MIN_CPU_INTERVAL = 0.001


class CpuProfile:
    """Counts stacks of the thread that makes it, which has to be the main one."""

    def __init__(self) -> None:
        self.stacks: Counter[tuple[str, ...]] = Counter()
        signal.signal(signal.SIGPROF, self.count_stack)
        signal.siginterrupt(signal.SIGPROF, False)

    def sample(self) -> list[tuple[tuple[str, ...], int]]:
        """Return the stacks that the loop's thread had in the next second, each with its count.

        The kernel's clock looks at most every millisecond of CPU time, mostly every fourth. So it
        matters neither how busy the machine is, nor who holds the GIL.
        """
        self.stacks.clear()
        signal.setitimer(signal.ITIMER_PROF, MIN_CPU_INTERVAL, MIN_CPU_INTERVAL)
        time.sleep(SAMPLE_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return [*self.stacks.items()]

    def count_stack(self, _: int, frame: FrameType | None) -> None:
        """Count what the loop's thread is at. Runs in it, once a call in C returns."""
        with suppress(Exception):  # nothing may be raised in the middle of another function
            lines = [describe_frame(each) for each, _ in traceback.walk_stack(frame)]
            self.stacks[*reversed(lines)] += 1
