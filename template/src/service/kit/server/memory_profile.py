# kit: updated by the template; extend it from app.py
"""Tells which lines of a worker allocate memory: by memray if installed, else by tracemalloc."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

from service.kit.work.command_error import CommandError

MAX_FRAMES = 16
"""Frames that are kept of the stack of an allocation. Each costs memory and time."""

MAX_STACKS = 2000

MAX_SILENCE = 900.0
"""Seconds without a mark after which tracing stops: its client is gone. Marks come every 600 s."""


class MemoryProfile:
    """Traces allocations between `start` and `stop`."""

    def __init__(self, recording: Path, excuse: Callable[[], AbstractContextManager[None]]) -> None:
        self.recording = recording
        self.excuse = excuse
        """Keeps the main process from replacing the worker while a block runs."""
        self.recorder: Any = None
        self.ends_at = inf
        self.marks: list[dict[tuple[str, ...], tracemalloc.Statistic]] = []

    def start(self) -> str | None:
        """Trace allocations from now on. Code that allocates becomes several times slower.

        Where memray is installed, it records them in a file, whose path is returned.
        """
        if self.recorder or tracemalloc.is_tracing():
            raise CommandError("its memory is being traced already: wait until that has ended")
        self.marks = []
        self.ends_at = time.monotonic() + MAX_SILENCE
        if not find_spec("memray"):
            tracemalloc.start(MAX_FRAMES)
            return None
        self.recording.unlink(missing_ok=True)
        tracker = import_module("memray").Tracker
        self.recorder = tracker(self.recording, trace_python_allocators=True)
        self.recorder.__enter__()
        return str(self.recording)

    def mark(self) -> None:
        """Note what was allocated since the start and is still held, by stack."""
        self.ends_at = time.monotonic() + MAX_SILENCE
        if not self.recorder:
            with self.excuse():
                self.take_mark()

    def take_mark(self) -> None:
        gc.collect()
        console = str(Path(__file__).with_name("console.py"))  # this thread's own allocations
        ours = tracemalloc.Filter(False, console, all_frames=True)
        snapshot = tracemalloc.take_snapshot().filter_traces([ours])
        mark = {}
        for statistic in snapshot.statistics("traceback"):
            frames = [f"{frame.filename}:{frame.lineno}" for frame in statistic.traceback]
            if len(frames) == MAX_FRAMES:
                frames.insert(0, "further callers")
            mark[tuple(frames)] = statistic
        self.marks.append(mark)

    def stop_if_abandoned(self) -> None:
        """Stop when no mark comes any more."""
        if time.monotonic() >= self.ends_at:
            self.stop()
            self.recording.unlink(missing_ok=True)

    def stop(self) -> list[dict[str, object]]:
        """Return what is held at each mark, by stack, the largest at the last mark first."""
        if self.recorder:
            gc.collect()
            self.recorder.__exit__(None, None, None)
            self.recorder = None
        tracemalloc.stop()
        self.ends_at = inf
        marks = self.marks
        self.marks = []
        if not marks:
            return []
        found: list[dict[str, object]] = []
        for stack in [*marks[-1]][:MAX_STACKS]:  # in order: tracemalloc sorts by size
            held = [mark.get(stack) for mark in marks]
            sizes = [it.size if it else 0 for it in held]
            counts = [it.count if it else 0 for it in held]
            found.append({"stack": stack, "bytes": sizes, "objects": counts})
        return found
