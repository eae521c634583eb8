# kit: updated by the template; extend it from app.py
"""What the lines of a service allocate: read from a recording of memray, or from notes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from service_tools.perf import stacks
from service_tools.perf.flame import Stack

PARTS = 6
"""The parts of the time in which what is kept was allocated."""

MIN_OBJECTS = 10
MIN_SHARE = 0.5
"""What grows with the requests gains as many objects in each part, and such a share of the most.

A cache gains less and less, or keeps what is new; requests that wait are those of the last part.
"""

MIN_KEPT = 0.05
"""The share of its allocations that a stack keeps, if it does with each request.

The free lists of asyncpg and of Python keep a few of many, as many as were in use at once.
"""

PAGES = ("MMAP", "MUNMAP")
"""Memory that Python hands out by itself, in allocations that are recorded as well."""


@dataclass
class Use:
    """The bytes of a line: in all, at once, and those kept by the part in which they came."""

    total: int = 0
    live: int = 0
    peak: int = 0
    kept: list[int] = field(default_factory=lambda: [0] * PARTS)
    objects: list[int] = field(default_factory=lambda: [0] * PARTS)

    def is_growing(self) -> bool:
        least = max(MIN_OBJECTS, MIN_SHARE * max(self.objects))
        return min(self.objects) >= least and min(self.kept) > 0


type Uses = dict[str, Use]
"""The use of memory by line."""


def read_recording(path: Path) -> tuple[Uses, Counter[Stack]]:
    """Return the use of each line, and the bytes that were allocated by stack.

    Deletes the recording, which may be large.
    """
    memray: Any = import_module("memray")
    left_out = {memray.AllocatorType[name] for name in PAGES}
    freeing = {memray.AllocatorType.FREE, memray.AllocatorType.PYMALLOC_FREE}
    uses: Uses = {}
    found: Counter[Stack] = Counter()
    by_stack: dict[int, tuple[Stack, Use]] = {}
    counts: Counter[int] = Counter()
    live: dict[int, tuple[int, int, int]] = {}
    with memray.FileReader(path) as reader:
        length = reader.metadata.total_allocations + 1
        for number, record in enumerate(reader.get_allocation_records()):
            if record.allocator in left_out:
                continue
            if record.allocator in freeing:
                if freed := live.pop(record.address, None):
                    by_stack[freed[0]][1].live -= freed[1]
                continue
            identity = record.stack_id
            if identity not in by_stack:
                stack = write_stack(record)
                by_stack[identity] = stack, uses.setdefault(stacks.find_line(stack), Use())
            stack, use = by_stack[identity]
            size = record.size
            use.total += size
            use.live += size
            use.peak = max(use.peak, use.live)
            found[stack] += size
            counts[identity] += 1
            live[record.address] = identity, size, number * PARTS // length
    path.unlink()
    left = Counter(identity for identity, _, _ in live.values())
    for identity, size, part in live.values():
        if left[identity] >= MIN_KEPT * counts[identity]:
            use = by_stack[identity][1]
            use.kept[part] += size
            use.objects[part] += 1
    return uses, found


def write_stack(record: Any) -> Stack:
    frames = [f"{file}:{line} {name}" for name, file, line in record.stack_trace()]
    return tuple(reversed(frames)) or (stacks.UNKNOWN,)


def read_notes(held: Sequence[dict[str, Any]]) -> tuple[Uses, Counter[Stack]]:
    """Return the same of what was held at each note, where only what is kept is known."""
    uses: Uses = {}
    found: Counter[Stack] = Counter()
    for allocation in held:
        stack = tuple(allocation["stack"])
        use = uses.setdefault(stacks.find_line(stack), Use())
        found[stack] += allocation["bytes"][-1]
        for kept, series in ((use.kept, "bytes"), (use.objects, "objects")):
            for part, (before, after) in enumerate(pairwise(allocation[series])):
                kept[part] += after - before
    return uses, found
