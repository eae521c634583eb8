# kit: updated by the template; extend it from app.py
"""The standard output and error of a process that never wait: what nobody reads is kept for a
while, then dropped.

Otherwise a log pipe whose reader has stopped would stop the event loop, probes included, and the
main process before it replaces a worker.
"""

import io
import os
import select
import socket
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from multiprocessing.util import Finalize
from typing import Any

import structlog

from service.kit.work import metrics

log = structlog.get_logger()

BUFFER_BYTES = 8_000_000
"""What is kept until the settings are read."""

RETRY_SECONDS = 1.0
"""How often a full disk, or a pipe that was closed, is tried again, and how late the metric may
be."""

END_SECONDS = 0.5
"""How long a process that ends waits for a reader."""

ENCODING, ERRORS = "utf-8", "backslashreplace"

MOST_PIECES = 1000
"""How many texts without a newline are collected into one write."""


class Output(io.TextIOBase):
    """A text stream in place of `stream`. A write goes out at once where that takes no waiting.

    Else it waits, with all that come after it, and a thread writes them as they can be written.
    More than `limit` bytes do not wait: later lines are dropped, counted, and told of once there is
    room again.
    """

    encoding = ENCODING
    errors = ERRORS

    def __init__(self, stream: Any, name: str) -> None:
        self.name = name
        self.buffer = stream.buffer  # for those who write bytes, and may then have to wait
        self.number: int = stream.fileno()
        self.write_some = find_writer(self.number)
        self.limit = BUFFER_BYTES
        self.deadline: float | None = None
        self.begin()
        os.register_at_fork(after_in_child=self.begin)

    def begin(self) -> None:
        """Start empty. A fork has no thread, and leaves to its parent what waits there."""
        self.lock = threading.RLock()  # a signal handler may write while this thread does
        self.pieces: list[str] = []
        self.waiting: deque[bytes] = deque()
        self.size = 0
        self.thread: threading.Thread | None = None
        self.is_broken = False
        self.dropped = 0
        self.uncounted = 0
        self.teller: int | None = None

    def writable(self) -> bool:
        return True

    def reconfigure(self, **_: object) -> None:
        """Change nothing: how lines are written is decided here."""

    def fileno(self) -> int:
        return self.number

    def isatty(self) -> bool:
        return os.isatty(self.number)

    def write(self, text: str, /) -> int:
        """Take a text. Whole lines leave at once, so that those of other processes do not cut
        them.
        """
        if not isinstance(text, str):  # by this, click finds out what it writes to
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self.lock:
            self.pieces.append(text)
            if "\n" in text or len(self.pieces) >= MOST_PIECES:
                self.pass_pieces_on()
        return len(text)

    def flush(self) -> None:
        """Pass on what was taken. This waits only in a process that ends, and no longer than it
        may.
        """
        if self.pieces:
            with self.lock:
                self.pass_pieces_on()
        if self.deadline is not None and self.teller != threading.get_ident():
            self.finish(self.deadline)

    def end(self) -> None:
        """From now on, wait for a reader, in all for `END_SECONDS`."""
        self.deadline = self.deadline or time.monotonic() + END_SECONDS
        self.flush()

    def finish(self, deadline: float) -> None:
        if self.thread:
            self.thread.join(max(0.0, deadline - time.monotonic()))
        elif self.waiting:
            self.work()

    def pass_pieces_on(self) -> None:
        text, self.pieces = "".join(self.pieces), []
        self.pass_on(text.encode(ENCODING, ERRORS))

    def pass_on(self, data: bytes) -> None:
        """Write data, or keep what cannot be written now. The lock is held."""
        written = 0
        if self.write_some and not self.waiting and not self.thread:
            written = self.attempt(self.write_some, data)
        if written == len(data):
            return
        if not written:  # a line that was begun is always finished
            room = self.limit // 2 if self.dropped else self.limit
            if self.size and self.size + len(data) > room:
                lines = data.count(b"\n")
                self.dropped += lines
                self.uncounted += lines
                return
            self.tell_dropped()
        self.waiting.append(data[written:])
        self.size += len(data) - written
        if self.thread is None and self.deadline is None:
            self.thread = threading.Thread(target=self.work, name=f"log {self.name}", daemon=True)
            self.thread.start()

    def attempt(self, write: Callable[[bytes], int], data: bytes) -> int:
        """Return how much could be written."""
        try:
            written = write(data)
        except BlockingIOError:
            return 0
        except OSError:  # nobody can read it any more, or the disk is full
            self.is_broken = True
            return 0
        self.is_broken = False
        return written

    def work(self) -> None:
        """Write what waits, until nothing does, or the time to end is over."""
        write = self.write_some or partial(write_little, self.number)
        poll = select.poll()
        poll.register(self.number, select.POLLOUT)
        while (data := self.take_first()) and (seconds := self.find_patience()) > 0:
            self.count_dropped()
            if not poll.poll(seconds * 1000):
                continue
            written = self.attempt(write, data)
            with self.lock:
                self.size -= written
                self.waiting[0] = data[written:]
            if self.is_broken and self.deadline is not None:
                return
            if self.is_broken:
                time.sleep(seconds)

    def find_patience(self) -> float:
        if self.deadline is None:
            return RETRY_SECONDS
        return min(RETRY_SECONDS, self.deadline - time.monotonic())

    def take_first(self) -> bytes | None:
        """Return what to write next. When there is nothing, the thread is over."""
        with self.lock:
            while True:
                while self.waiting and not self.waiting[0]:
                    self.waiting.popleft()
                if self.waiting:
                    return self.waiting[0]
                if not self.dropped:
                    self.thread = None
                    return None
                self.tell_dropped()

    def tell_dropped(self) -> None:
        """Log how many lines are missing here."""
        lines, self.dropped = self.dropped, 0
        if not lines:
            return
        self.teller = threading.get_ident()
        # In a context of its own: it is not about the request that happens to be served.
        Context().run(log.error, "log lines dropped", stream=self.name, lines=lines)
        self.teller = None
        if self.dropped:  # there was no room for that either
            self.dropped += lines

    def count_dropped(self) -> None:
        """Count for Prometheus, in the thread: a signal handler must not wait for the lock of a
        metric.
        """
        if self.uncounted:
            lines, self.uncounted = self.uncounted, 0
            metrics.get_metrics().log_dropped.labels(self.name).inc(lines)


def unblock_output(limit: int = BUFFER_BYTES) -> None:
    """Let nothing that this process prints or logs wait for a reader. At most `limit` bytes are
    kept for one.

    Streams that are not the process's own, such as those of a test, stay as they are.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream is getattr(sys, f"__{name}__"):
            stream.flush()
            stream = Output(stream, name)
            setattr(sys, name, stream)
            Finalize(None, stream.end, exitpriority=0)  # after logs.py has passed its last lines on
        if isinstance(stream, Output):
            stream.limit = limit


def end_output() -> None:
    """Wait until what was printed is written, but not for long: for a process that ends by
    `os._exit`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.end()


def find_writer(number: int) -> Callable[[bytes], int] | None:
    """Return what writes to a descriptor as much as it can without waiting; None if nothing does.

    O_NONBLOCK on the descriptor itself would also be set for all processes that share it.
    """
    kind = os.fstat(number).st_mode
    if stat.S_ISREG(kind):
        return partial(os.write, number)
    if stat.S_ISSOCK(kind):
        shared = socket.socket(fileno=os.dup(number))
        return lambda data: shared.send(data, socket.MSG_DONTWAIT)
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        return partial(os.write, os.open(f"/proc/self/fd/{number}", flags))
    except OSError:  # another user's, one that nobody reads, or this is not Linux
        return None


def write_little(number: int, data: bytes) -> int:
    """Write no more than what fits where `poll` says that there is room."""
    return os.write(number, data[: select.PIPE_BUF])
