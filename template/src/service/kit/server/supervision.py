# kit: updated by the template; extend it from app.py
"""The main process: which workers it starts anew, and the folder through which it and they know of
each other.

A worker is replaced soon after it ends, or when its event loop is stuck; one that keeps ending,
after pauses that double. The others serve meanwhile.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog
from prometheus_client import Counter

from service.kit.server.metrics_endpoint import MetricsOptions, lock, serve_metrics
from service.kit.work import metrics

log = structlog.get_logger()

RUNTIME_FOLDER_VARIABLE = "SERVICE_RUNTIME_FOLDER"
STARTED = "started"  # exists once a worker has started
DRAINING = "draining"  # exists once the service has been told to stop
FAULT = "fault"  # says why the main process wants no requests for now
HEARTBEAT_FILE = "heartbeat-{pid}"  # touched by the event loop of a worker
CONSOLE_SOCKET = "console-{pid}"  # the socket on which a worker tells what it does
STACK = "stack-{pid}"  # takes the stack of a worker that is asked for it; touched when it has logged one itself

POLL_SECONDS = 0.1
"""The seconds between two calls of `Supervision.find_due`."""

LONGEST_LOOK = 1.0
"""The most that counts as the time between two looks: a main process that was itself suspended saw
nothing."""

SILENT_SECONDS = 1.0
"""How long a heartbeat is away, at the least, before the main process asks who holds the GIL."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds before a worker is replaced."""

WELL_SECONDS = 30.0
"""A worker that ran for longer was well: its pause is the shortest again."""


@contextmanager
def supervise(
    metrics: MetricsOptions, stuck: float, lag: float = SILENT_SECONDS
) -> Generator["Supervision"]:
    """Yield what watches the workers of this process. Metrics are served meanwhile."""
    with open_runtime_folder() as folder, serve_metrics(metrics, folder / "metrics"):
        yield Supervision(folder, stuck, lag)


@contextmanager
def open_runtime_folder(parent: Path | None = None) -> Generator[Path]:
    """Yield a new folder, in memory where possible, so that nothing waits for a disk. It is removed
    afterwards.

    Folders that killed main processes left behind are removed as well: the lock of each ended with
    its process. A process id would not do, since containers that share their memory have equal
    ones.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it gets a random name
    parent = parent or (memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix="service-", dir=parent) as name:
        held = lock(Path(name, "lock"))
        assert held is not None  # noqa: S101 - the folder is new
        for path in parent.glob("service-*/lock"):
            with suppress(OSError):  # another user's, or just gone
                if (left := lock(path)) is not None:
                    shutil.rmtree(path.parent, ignore_errors=True)
                    os.close(left)
        os.environ[RUNTIME_FOLDER_VARIABLE] = name
        try:
            yield Path(name)
        finally:
            del os.environ[RUNTIME_FOLDER_VARIABLE]
            os.close(held)


@dataclass
class Place:
    """What is known of one worker."""

    began: float = field(default_factory=time.monotonic)
    pause: float = SHORTEST_PAUSE
    due: float | None = None
    beat: int = 0
    silent: float = 0.0
    asked: int | None = None
    answered: bool = False
    named: bool = False
    stuck: bool = False


class Supervision:
    """Watches the workers of a main process that calls `find_due` every `LOOK_SECONDS`.

    A worker is stuck when its heartbeat has been away for `stuck` seconds (0: never). The seconds
    are those of the wall clock: under a CPU quota, the CPU time of a worker runs slower.

    A worker logs by itself what blocks its loop for `lag` seconds, unless a call holds the GIL. If
    it has not done so after twice the time, it is asked for its stack from here.
    """

    def __init__(self, folder: Path, stuck: float, lag: float = SILENT_SECONDS) -> None:
        self.folder = folder
        self.stuck = stuck
        self.patience = max(SILENT_SECONDS, 2 * lag)
        self.places: dict[int, Place] = {}
        self.looked = time.monotonic()
        text = "Worker processes that ended without being told to, or were stuck."
        self.deaths = Counter("service_worker_deaths_total", text, ["cause"], registry=None)

    def find_due(self, processes: Sequence[BaseProcess]) -> list[int]:
        """Return which processes to replace now, by their index. Kills those that are stuck."""
        now = time.monotonic()
        passed, self.looked = min(now - self.looked, LONGEST_LOOK), now
        due = []
        for index, process in enumerate(processes):
            place = self.places.setdefault(index, Place())
            if process.is_alive():
                place.due = None
                self.look(index, place, process, passed)
            elif place.due is None:
                self.note_death(index, place, process)
            elif place.due <= now:
                self.places[index] = Place(pause=min(2 * place.pause, LONGEST_PAUSE))
                due.append(index)
        self.tell_readiness(len(processes))
        return due

    def note_death(self, index: int, place: Place, process: BaseProcess) -> None:
        now = time.monotonic()
        if now - place.began > WELL_SECONDS or place.stuck:  # to be stuck takes time enough
            place.pause = SHORTEST_PAUSE
        place.due = now + place.pause
        for name in (HEARTBEAT_FILE, STACK, CONSOLE_SOCKET):
            (self.folder / name.format(pid=process.pid)).unlink(missing_ok=True)
        self.deaths.labels("stuck" if place.stuck else "ended").inc()
        log.error(
            "worker process ended",
            worker=index + 1,
            exit_code=process.exitcode,
            seconds_to_next=place.pause,
        )

    def look(self, index: int, place: Place, process: BaseProcess, passed: float) -> None:
        """Log the stack of a worker whose heartbeat is away, and in the end kill it."""
        try:
            beat = (self.folder / HEARTBEAT_FILE.format(pid=process.pid)).stat().st_mtime_ns
        except FileNotFoundError:
            return  # it is starting, or stopping
        place.silent = place.silent + passed if beat == place.beat else 0.0
        place.beat = beat
        is_stuck = 0 < self.stuck <= place.silent
        if not is_stuck and place.silent < self.patience:
            place.asked, place.answered, place.named = None, False, False
            return
        stack = self.folder / STACK.format(pid=process.pid)
        if place.asked is None and stack.stat().st_mtime_ns > beat:
            place.named = True
        if place.stuck or (place.named and not is_stuck):
            return
        if not (told := self.ask(place, process, stack)):
            return
        place.asked, place.answered = None, False
        report = {"worker": index + 1, "seconds": round(place.silent, 1), "stack": told}
        if is_stuck:
            place.stuck = True
            process.kill()
            log.error("worker stuck: replacing it", **report)
        else:
            place.named = True
            metrics.get_metrics().loop_blocked.inc()
            log.error("event loop blocked: a call holds the GIL", **report)

    def ask(self, place: Place, process: BaseProcess, stack: Path) -> str:
        """Ask a worker for its stack by SIGVTALRM. Return it one look after it came, and "" until
        then.

        A suspended worker does not answer, and is let alone. A worker that answers because it goes
        on again is known by its heartbeat, one look later.
        """
        size = stack.stat().st_size
        if place.asked is None:
            place.asked = size
            assert process.pid  # noqa: S101 - it has started
            os.kill(process.pid, signal.SIGVTALRM)
        elif place.answered:
            return stack.read_text(errors="replace")[place.asked :]
        else:
            place.answered = size > place.asked
        return ""

    def tell_readiness(self, count: int) -> None:
        """Let `/readyz` say so while at most half of the workers run because the others keep
        ending.
        """
        waiting = sum(
            place.due is not None and place.pause > SHORTEST_PAUSE for place in self.places.values()
        )
        fault = self.folder / FAULT
        if waiting * 2 >= count:
            fault.write_text(
                f"{waiting} of {count} worker processes keep ending; the log says why."
            )
        else:
            fault.unlink(missing_ok=True)
