# kit: updated by the template; extend it from app.py
"""Where lines of the log go: to the standard output, many at once."""

import sys

from service.kit.edge import Batch

PAUSE = 0.1
"""Seconds that a line may wait for others.

A write gives way to the server's own thread, which costs more than the write itself: in batches, a request takes a
seventh less of the processor.
"""
MOST_WAITING = 1000


class Writer(Batch[str]):
    """Write lines: warnings and errors at once, with all before them, and the others some moments later."""

    def __init__(self) -> None:
        super().__init__(print_lines, PAUSE, MOST_WAITING)

    def add_now(self, line: str) -> None:
        self.add(line)
        self.flush()

    debug = info = Batch.add
    warning = error = critical = add_now


def print_lines(lines: list[str]) -> None:
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()
