# kit: updated by the template; extend it from app.py
"""Standard output and error that never block: what nobody reads is kept for a while, then dropped.

Otherwise a log pipe whose reader has stopped would block the event loop, probes included, and keep
the main process from replacing a worker.
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
"""The most that is kept until the settings are read."""

RETRY_SECONDS = 1.0
"""Seconds before a full disk or a closed pipe is tried again; the metric may be as late."""

END_SECONDS = 0.5
"""Seconds that an ending process waits for a reader."""

ENCODING = "utf-8"
ERRORS = "backslashreplace"

MAX_PIECES = 1000
"""How many texts without a newline are collected into one write."""

type Write = Callable[[bytes], int]
"""Writes some of the data and returns how much, or raises `BlockingIOError`."""


class Output(io.TextIOBase):
    """A text stream that replaces `stream`. It writes at once if that does not block.

    Otherwise the data waits, with all that comes after it, and a thread writes it when it can. At
    most `limit` bytes wait: later lines are dropped, counted, and reported once there is room.
    """

    encoding = ENCODING
    errors = ERRORS

    def __init__(self, stream: Any, name: str) -> None:
        self.name = name
        self.buffer = stream.buffer  # for code that writes bytes, which may block
        self.descriptor: int = stream.fileno()
        self.write_now = find_writer(self.descriptor)
        self.limit = BUFFER_BYTES
        self.deadline: float | None = None
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Start empty. A fork has no thread, and leaves what waits to its parent."""
        self.lock = threading.RLock()  # a signal handler may write while this thread does
        self.pieces: list[str] = []
        self.waiting: deque[bytes] = deque()
        self.size = 0
        self.thread: threading.Thread | None = None
        self.is_broken = False
        self.dropped = 0
        self.uncounted = 0
        self.reporting_thread: int | None = None

    def writable(self) -> bool:
        return True

    def reconfigure(self, **_: object) -> None:
        """Do nothing: encoding and buffering are fixed."""

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def write(self, text: str, /) -> int:
        """Take a text. A line is sent at once, and whole: other processes write in between."""
        if not isinstance(text, str):  # click probes streams with bytes
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self.lock:
            self.pieces.append(text)
            if "\n" in text or len(self.pieces) >= MAX_PIECES:
                self.send_pieces()
        return len(text)

    def flush(self) -> None:
        """Send what was taken. Only an ending process waits for a reader, and not for long."""
        if self.pieces:
            with self.lock:
                self.send_pieces()
        if self.deadline is None or self.reporting_thread == threading.get_ident():
            return
        thread = self.thread  # the thread sets this to None when it is done
        if thread:
            thread.join(max(0.0, self.deadline - time.monotonic()))
        elif self.waiting:
            self.write_waiting()

    def end(self) -> None:
        """From now on, wait for a reader, for `END_SECONDS` in all."""
        self.deadline = self.deadline or time.monotonic() + END_SECONDS
        self.flush()

    def send_pieces(self) -> None:
        text = "".join(self.pieces)
        self.pieces = []
        self.send(text.encode(ENCODING, ERRORS))

    def send(self, data: bytes) -> None:
        """Write data, or keep what cannot be written now. The lock is held."""
        written = 0
        if self.write_now and not self.waiting and not self.thread:
            written = self.write_lines(self.write_now, data)
        if written == len(data):
            return
        if not written:  # a line that was begun is always finished
            if not self.has_room(len(data)):
                lines = data.count(b"\n")
                self.dropped += lines
                self.uncounted += lines
                return
            self.report_dropped()
        self.waiting.append(data[written:])
        self.size += len(data) - written
        if self.thread is None and self.deadline is None:
            name = f"log {self.name}"
            self.thread = threading.Thread(target=self.write_waiting, name=name, daemon=True)
            self.thread.start()

    def has_room(self, size: int) -> bool:
        """Return whether so many bytes may wait. After a drop, half must be free again."""
        limit = self.limit // 2 if self.dropped else self.limit
        return not self.size or self.size + size <= limit

    def write_lines(self, write: Write, data: bytes) -> int:
        """Return how much could be written. What is left begins with a line, if it can."""
        written = 0
        while written < len(data):
            lines = find_lines(data, written)
            count = self.try_write(write, lines)
            written += count
            if count < len(lines):
                break
        return written

    def try_write(self, write: Write, data: bytes) -> int:
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

    def write_waiting(self) -> None:
        """Write what waits until nothing does, or until the deadline."""
        write = self.write_now or partial(os.write, self.descriptor)
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        while True:
            data = self.get_first()
            timeout = self.get_timeout()
            if data is None or timeout <= 0:
                return
            self.count_dropped()
            if not poll.poll(timeout * 1000):
                continue
            written = self.try_write(write, find_lines(data))
            with self.lock:
                self.size -= written
                self.waiting[0] = data[written:]
            if self.is_broken and self.deadline is not None:
                return
            if self.is_broken:
                time.sleep(timeout)

    def get_timeout(self) -> float:
        """Return how long to wait for a reader before looking again."""
        if self.deadline is None:
            return RETRY_SECONDS
        return min(RETRY_SECONDS, self.deadline - time.monotonic())

    def get_first(self) -> bytes | None:
        """Return what to write next, or None, after which the thread ends."""
        with self.lock:
            while True:
                while self.waiting and not self.waiting[0]:
                    self.waiting.popleft()
                if self.waiting:
                    return self.waiting[0]
                if not self.dropped:
                    self.thread = None
                    return None
                self.report_dropped()

    def report_dropped(self) -> None:
        """Log how many lines were dropped at this point."""
        lines = self.dropped
        if not lines:
            return
        self.dropped = 0
        self.reporting_thread = threading.get_ident()
        # In an empty context: the line is not about the request that happens to be served.
        Context().run(log.error, "log lines dropped", stream=self.name, lines=lines)
        self.reporting_thread = None
        if self.dropped:  # there was no room for that either
            self.dropped += lines

    def count_dropped(self) -> None:
        """Count for Prometheus. In the thread: a signal handler must not wait for a metric."""
        lines = self.uncounted
        if lines:
            self.uncounted = 0
            metrics.get_metrics().log_dropped.labels(self.name).inc(lines)


def unblock_output(limit: int = BUFFER_BYTES) -> None:
    """Keep what this process prints and logs from blocking it. At most `limit` bytes are kept.

    Streams that are not the process's own, such as those of a test, stay as they are.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream is getattr(sys, f"__{name}__"):
            stream.flush()
            stream = Output(stream, name)
            setattr(sys, name, stream)
            Finalize(None, stream.end, exitpriority=0)  # after logs.py has sent its last lines
        if isinstance(stream, Output):
            stream.limit = limit


def end_output() -> None:
    """Wait briefly until what was printed is written. Call it before `os._exit`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.end()


def find_writer(descriptor: int) -> Write | None:
    """Return a function that writes as much as it can without blocking; None if there is none.

    O_NONBLOCK on the descriptor itself would also be set for all processes that share it.
    """
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return partial(os.write, descriptor)
    if stat.S_ISSOCK(kind):
        shared = socket.socket(fileno=os.dup(descriptor))
        return lambda data: shared.send(data, socket.MSG_DONTWAIT)
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        reopened = os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:  # another user's, one that nobody reads, or this is not Linux
        return None
    return partial(os.write, reopened)


def find_lines(data: bytes, start: int = 0) -> bytes:
    """Return the lines that a pipe takes at once or not at all; of a longer line, a part.

    A full pipe would take a part of more, and another process's line would stand in its middle.
    """
    end = start + select.PIPE_BUF
    if end >= len(data):
        return data[start:]
    return data[start : data.rfind(b"\n", start, end) + 1 or end]
