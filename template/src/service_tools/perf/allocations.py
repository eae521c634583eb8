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

MIN_PARTS = 2
MIN_OBJECTS = 10
MIN_SHARE = 0.5
"""What grows with the requests gains as many objects in each part, and such a share of the most.

A cache gains less and less, or keeps what is new; requests that wait are those of the last part.
"""

MIN_RISE = 0.25
"""The share of what is kept by which it rises in the second half of the time.

The free lists of asyncpg and of Python keep as many as were once in use, and these change.
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
    objects_at_half: int = 0
    """Those that were there in the middle of the time."""

    def is_growing(self) -> bool:
        if len(self.objects) < MIN_PARTS:
            return False
        objects = sum(self.objects)
        if objects - self.objects_at_half < MIN_RISE * objects:
            return False
        least = max(MIN_OBJECTS, MIN_SHARE * max(self.objects))
        return min(self.objects) >= least and min(self.kept) > 0


type Uses = dict[str, Use]
"""The use of memory by line."""


def read_recording(path: Path) -> tuple[Uses, Counter[Stack]]:
    """Return the use of each line, and the bytes that were allocated by stack."""
    memray: Any = import_module("memray")
    left_out = {memray.AllocatorType[name] for name in PAGES}
    freeing = {memray.AllocatorType.FREE, memray.AllocatorType.PYMALLOC_FREE}
    replay = Replay()
    with memray.FileReader(path) as reader:
        length = reader.metadata.total_allocations + 1
        for number, record in enumerate(reader.get_allocation_records()):
            if number == length // 2:
                replay.count_half()
            if record.allocator in freeing:
                replay.free(record)
            elif record.allocator not in left_out:
                replay.allocate(record, number * PARTS // length)
    replay.add_kept()
    return replay.uses, replay.found


class Replay:
    """Goes through a recording. A record is one of memray's."""

    def __init__(self) -> None:
        self.uses: Uses = {}
        self.found: Counter[Stack] = Counter()
        self.by_stack: dict[int, tuple[Stack, Use]] = {}
        self.live: dict[int, tuple[int, int, int]] = {}
        """The number of the stack, the size, and the part, by address."""

    def allocate(self, record: Any, part: int) -> None:
        identity = record.stack_id
        if identity not in self.by_stack:
            stack = write_stack(record)
            use = self.uses.setdefault(stacks.find_line(stack), Use())
            self.by_stack[identity] = stack, use
        stack, use = self.by_stack[identity]
        use.total += record.size
        use.live += record.size
        use.peak = max(use.peak, use.live)
        self.found[stack] += record.size
        self.live[record.address] = identity, record.size, part

    def free(self, record: Any) -> None:
        """Take an allocation off. Of one before the recording, nothing is known."""
        if record.address in self.live:
            identity, size, _ = self.live.pop(record.address)
            _, use = self.by_stack[identity]
            use.live -= size

    def count_half(self) -> None:
        """Count what is there in the middle of the time."""
        for identity, _, _ in self.live.values():
            _, use = self.by_stack[identity]
            use.objects_at_half += 1

    def add_kept(self) -> None:
        """Add what is still there at the end."""
        for identity, size, part in self.live.values():
            _, use = self.by_stack[identity]
            use.kept[part] += size
            use.objects[part] += 1


def write_stack(record: Any) -> Stack:
    frames = []
    for name, file, line in reversed(record.stack_trace()):
        frames.append(f"{file}:{line} {name}")
    return tuple(frames) or (stacks.UNKNOWN,)


def read_notes(held: Sequence[dict[str, Any]]) -> tuple[Uses, Counter[Stack]]:
    """Return the same of what was held at each note, where only what is kept is known."""
    uses: Uses = {}
    found: Counter[Stack] = Counter()
    for allocation in held:
        stack = tuple(allocation["stack"])
        unused = [0] * (len(allocation["bytes"]) - 1)
        use = uses.setdefault(stacks.find_line(stack), Use(kept=[*unused], objects=[*unused]))
        found[stack] += allocation["bytes"][-1]
        add_growth(use.kept, allocation["bytes"])
        add_growth(use.objects, allocation["objects"])
    return uses, found


def add_growth(parts: list[int], held: Sequence[int]) -> None:
    """Add to each part by how much what is held grew in it."""
    for part, (before, after) in enumerate(pairwise(held)):
        parts[part] += after - before
