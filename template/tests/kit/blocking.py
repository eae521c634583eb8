# kit: updated by the template
"""Fail every test in which the service blocks the event loop: by waiting, or by computing for too long without a pause.

blockbuster finds the waiting: sleep, files, sockets, locks and more, called by code of the service while a loop runs.
Computing is measured by the processor time of the loop's thread while a request is answered, so a machine that is busy
with something else fails no test. A debugger may do both: where one has stopped the service, nothing is found.
"""

import asyncio
import gc
import re
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import FrameType
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockingError

import service
from service.kit import cache
from service.kit.edge import edge

BUDGET = 0.1
"""Seconds of processor time for one step of a request between two awaits: a hundred times what most requests need."""

ADVICE = "`await offload.in_thread(…)` waits elsewhere, `await offload.in_process(…)` computes elsewhere."

FOREIGN = ("<", sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))

ALLOWED = (
    ("asyncpg/connect_utils.py", "_parse_connect_dsn_and_args"),  # looks for ~/.pgpass before each connection
    ("structlog/_base.py", "_proxy_to_logger"),  # writes to a pipe, and draws an exception with the lines it passed
    ("logging/__init__.py", "emit"),  # the same, for libraries
    ("service/kit/server/output.py", "try_write"),  # writes only what does not block; `pytest -s` gets here
    ("service/kit/calls/client.py", "make_client"),  # reads the certificates at the start
    ("service/kit/web/pages.py", "make_pages"),  # the documentation is made at the start, in development
)
"""Where blocking is allowed: the end of a file name, and a function."""

DEBUGGER = re.compile(r"[\\/](?:bdb|pdb|_pytest[\\/]debugging|pydevd\w*)\.py$|[\\/](?:ipdb|IPython|debugpy|pudb)[\\/]")
"""The files of pdb, pytest's `breakpoint()`, ipdb, pudb, and of debugpy, which editors use."""

COMMANDS = ("service.kit.commands", "service.kit.migrate", "service.kit.db.query", "service_tools.sql")
"""Modules that only commands call: they may block a loop that serves nobody. Called by the service, they may not."""


def make_guard() -> BlockBuster:
    """Return the guard that raises when code of the service blocks."""
    guard = BlockBuster([service], excluded_modules=COMMANDS)
    for function in guard.functions.values():
        for file, name in ALLOWED:
            function.can_block_in(file, name)
        function.can_block_predicate = allow_debuggers(function.can_block_predicate)
    return guard


def allow_debuggers(may_block: Callable[..., bool]) -> Callable[..., bool]:
    """Return a predicate that also lets block what a debugger calls, or is called in."""

    def may_block_or_debugs(*args: Any, **kwargs: Any) -> bool:
        return may_block(*args, **kwargs) or is_debugged(sys._getframe(1))

    return may_block_or_debugs


def is_debugged(frame: FrameType | None) -> bool:
    """Return whether a debugger is at work in a stack."""
    while frame:
        if is_debugger(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


@lru_cache
def is_debugger(file: str) -> bool:
    return DEBUGGER.search(file) is not None


@dataclass
class Watch:
    """Notes what has blocked since the last test, and when the current step of the loop began."""

    thread: int = field(default_factory=threading.get_ident)
    found: list[str] = field(default_factory=list)
    began: float | None = None
    """The time on `clock`, or None between two steps."""
    spent: float | None = None
    noted: float | None = None
    """When a step began that was found to take too long."""
    is_debugged: bool = False
    """Whether a debugger was at work in the current step."""

    def __post_init__(self) -> None:
        own = hasattr(time, "pthread_getcpuclockid")
        self.clock = partial(time.clock_gettime, time.pthread_getcpuclockid(self.thread)) if own else time.process_time

    def note(self, what: str, stack: traceback.StackSummary) -> None:
        """Keep a finding, with the nearest line of the service or of its tests."""
        ours = (frame for frame in reversed(stack) if not frame.filename.startswith(FOREIGN))
        found = next((frame for frame in ours if frame.filename != __file__), None)
        where = f"{found.filename}:{found.lineno}, in {found.name}: {found.line}" if found else "an unknown line"
        self.found.append(f"{where}\n    {what}. {ADVICE}")

    def measure(self, run: Any, handle: asyncio.Handle) -> None:
        """Run a step of a loop, and note when it began."""
        if threading.get_ident() != self.thread:
            return run(handle)
        self.is_debugged = False
        self.began = self.clock()
        try:
            run(handle)
        finally:
            self.began = None

    def discount(self, phase: str, _: dict[str, int]) -> None:
        """Leave out the garbage collector: its work depends on the tests, not on the request."""
        if self.began is not None and phase == "start" and threading.get_ident() == self.thread:
            self.spent, self.began = self.clock() - self.began, None
        elif self.spent is not None and phase == "stop" and threading.get_ident() == self.thread:
            self.began, self.spent = self.clock() - self.spent, None

    def sample(self, over: threading.Event) -> None:
        """Look at the loop's thread from another one, until it is over."""
        while not over.wait(0.01):
            self.look()

    def look(self) -> None:
        """Note the current step if it takes too long, once. Its stack is not kept: that would keep values."""
        began = self.began
        if began is None or began == self.noted or self.is_debugged:
            return
        frame = sys._current_frames().get(self.thread)
        self.is_debugged = is_debugged(frame)
        if self.is_debugged or self.clock() - began < BUDGET:
            return
        if self.began == began and counts(frame):
            self.noted = began
            self.note(f"computes for more than {BUDGET * 1000:.0f} ms at a stretch", traceback.extract_stack(frame))


def counts(frame: FrameType | None) -> bool:
    """Return whether the edge or the cache calls this code, and nothing that may block does."""
    while frame:
        name = frame.f_code.co_filename
        if name in (edge.__file__, cache.__file__):
            return True
        if any(name.endswith(file) and frame.f_code.co_name == function for file, function in ALLOWED):
            return False
        frame = frame.f_back
    return False


@pytest.fixture(scope="session")
def watch() -> Generator[Watch]:
    watch = Watch()
    over = threading.Event()
    sampler = threading.Thread(target=watch.sample, args=(over,), daemon=True)
    initialize, run = BlockingError.__init__, asyncio.Handle._run

    def note(error: BlockingError, function: str) -> None:
        initialize(error, function)
        watch.note(f"blocks the event loop by {function}", traceback.extract_stack(sys._getframe(1)))

    guard = make_guard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockingError, "__init__", note)
        patch.setattr(asyncio.Handle, "_run", lambda handle: watch.measure(run, handle))
        guard.activate()
        gc.callbacks.append(watch.discount)
        sampler.start()
        yield watch
        gc.callbacks.remove(watch.discount)
        over.set()
        sampler.join()
        guard.deactivate()


@pytest.fixture(autouse=True)
def nothing_blocks(watch: Watch) -> Generator[None]:
    """Fail a test in which something blocked, even if that became a response with the status 500."""
    watch.found.clear()
    yield
    if watch.found:
        pytest.fail("\n".join(["the event loop was blocked:", *dict.fromkeys(watch.found)]), pytrace=False)
