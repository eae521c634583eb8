# kit: updated by the template; extend it from app.py
"""Supervision by the main process: it starts a new worker for each that ends or is stuck.

A worker is replaced soon after it ends, or when its event loop is stuck; one that keeps ending,
after pauses that double. The others serve meanwhile.
"""

import os
import signal
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog
from prometheus_client import Counter

from service.kit.server.metrics_endpoint import MetricsOptions, add_probes, serve_metrics
from service.kit.server.runtime_folder import (
    CONSOLE_SOCKET,
    FAULT_FILE,
    HEARTBEAT_FILE,
    RECORDING_FILE,
    STACK_FILE,
    open_runtime_folder,
)
from service.kit.server.watchdog import EXCUSE_SECONDS, WatchdogOptions
from service.kit.work import metrics

log = structlog.get_logger()

POLL_SECONDS = 0.1
"""Seconds between two calls of `Supervision.check_workers`."""

MAX_POLL_SECONDS = 1.0
"""The most that counts as time between two checks: a suspended main process saw nothing."""

MAX_SILENCE = 10.0
"""Seconds between two checks after which `/livez` says that the main process is stuck."""

MIN_SILENCE = 1.0
"""Seconds without a heartbeat, at least, before the main process asks for the stack."""

MIN_PAUSE = 0.25
MAX_PAUSE = 5.0
"""Seconds before a worker that ended is replaced."""

EXIT_IN_ORDER = 75
"""The exit code of a process that could not go on, and lost nothing: EX_TEMPFAIL of sysexits.h."""

HEALTHY_SECONDS = 30.0
"""A worker that ran for longer was healthy: it is replaced after the shortest pause."""


@contextmanager
def supervise(options: MetricsOptions, watchdog: WatchdogOptions) -> Generator["Supervision"]:
    """Yield the supervision of this process's workers; serve metrics and probes meanwhile."""
    with open_runtime_folder() as folder, serve_metrics(options, folder / "metrics") as server:
        supervision = Supervision(folder, watchdog)
        if server is not None:
            add_probes(server, {"/livez": supervision.is_live, "/readyz": supervision.is_ready})
        yield supervision


@dataclass
class WorkerState:
    """The state of one worker, as the main process sees it."""

    number: int
    pause: float = MIN_PAUSE
    """Seconds before it is replaced when it ends."""
    started_at: float = field(default_factory=time.monotonic)
    replace_at: float | None = None
    """Set once it has ended."""
    heartbeat: int = 0
    """When it was last seen alive, in nanoseconds of the file system's clock."""
    silent_for: float = 0.0
    """Seconds without a heartbeat."""
    stack_begins_at: int | None = None
    """Where in its file the requested stack will begin."""
    has_answered: bool = False
    is_reported: bool = False
    """Whether the log says what blocks its loop."""
    is_stuck: bool = False


class Supervision:
    """Watches the workers of a main process that calls `check_workers` every `POLL_SECONDS`.

    A worker is stuck after WATCHDOG_STUCK seconds without a heartbeat, by the wall clock: under a
    CPU quota, the CPU time of a worker runs slower.

    A worker logs by itself what blocks its loop for WATCHDOG_LAG seconds (watchdog.py), unless a
    call holds the GIL. If it has not done so after twice that time, it is asked for its stack.
    """

    def __init__(self, folder: Path, watchdog: WatchdogOptions) -> None:
        self.folder = folder
        self.stuck_after = watchdog.stuck
        self.ask_after = max(MIN_SILENCE, 2 * watchdog.lag)
        self.workers: dict[int, WorkerState] = {}
        self.checked_at = time.monotonic()
        text = "Worker processes that ended unexpectedly, or were stuck."
        self.deaths = Counter("service_worker_deaths_total", text, ["cause"], registry=None)
        for cause in ("ended", "stuck"):  # Prometheus sees no increase to the first value
            self.deaths.labels(cause)

    def is_live(self) -> bool:
        """Return whether this process checks its workers. PostgreSQL may be away."""
        return time.monotonic() - self.checked_at < MAX_SILENCE

    def is_ready(self) -> bool:
        """Return whether a worker runs. Its heartbeat begins once it has what it needs."""
        return any(self.folder.glob(HEARTBEAT_FILE.format(pid="*")))

    def check_workers(self, processes: Sequence[BaseProcess]) -> list[int]:
        """Kill the workers that are stuck. Return the indexes of the processes to replace now."""
        now = time.monotonic()
        passed = min(now - self.checked_at, MAX_POLL_SECONDS)
        self.checked_at = now

        due = []
        for index, process in enumerate(processes):
            worker = self.workers.setdefault(index, WorkerState(index + 1))
            if process.is_alive():
                worker.replace_at = None
                self.check_heartbeat(worker, process, passed)
            elif worker.replace_at is None:
                self.reap(worker, process)
            elif worker.replace_at <= now:
                pause = min(2 * worker.pause, MAX_PAUSE)
                self.workers[index] = WorkerState(index + 1, pause)
                due.append(index)

        self.report_fault()
        return due

    def reap(self, worker: WorkerState, process: BaseProcess) -> None:
        """Count and log the end of a worker, and remove its files."""
        now = time.monotonic()
        was_healthy = now - worker.started_at > HEALTHY_SECONDS
        if was_healthy or worker.is_stuck:  # it ran long enough to get stuck
            worker.pause = MIN_PAUSE
        worker.replace_at = now + worker.pause
        for name in (HEARTBEAT_FILE, STACK_FILE, CONSOLE_SOCKET, RECORDING_FILE):
            self.get_file(name, process).unlink(missing_ok=True)
        if process.exitcode != EXIT_IN_ORDER:
            self.deaths.labels("stuck" if worker.is_stuck else "ended").inc()
        log.error(
            "worker process ended",
            worker=worker.number,
            exit_code=process.exitcode,
            seconds_to_next=worker.pause,
        )

    def check_heartbeat(self, worker: WorkerState, process: BaseProcess, passed: float) -> None:
        """Log the stack of a worker without a heartbeat, and kill it when it is stuck."""
        try:
            heartbeat = self.get_file(HEARTBEAT_FILE, process).stat().st_mtime_ns
        except FileNotFoundError:
            return  # it is starting, or stopping
        # Not if it is far ahead: then the clock was set back.
        is_excused = 0 < heartbeat / 1e9 - time.time() <= EXCUSE_SECONDS
        if heartbeat == worker.heartbeat and not is_excused:
            worker.silent_for += passed
        else:
            worker.heartbeat = heartbeat
            worker.silent_for = 0.0

        is_stuck = 0 < self.stuck_after <= worker.silent_for
        if not is_stuck and worker.silent_for < self.ask_after:
            worker.stack_begins_at = None
            worker.has_answered = False
            worker.is_reported = False
            return

        stack_file = self.get_file(STACK_FILE, process)
        if worker.stack_begins_at is None and stack_file.stat().st_mtime_ns > heartbeat:
            worker.is_reported = True  # by its own watchdog
        if worker.is_stuck or (worker.is_reported and not is_stuck):
            return
        stack = self.ask_for_stack(worker, process, stack_file)
        if stack:
            worker.stack_begins_at = None
            worker.has_answered = False
            self.report_stack(worker, process, stack, is_stuck=is_stuck)

    def ask_for_stack(self, worker: WorkerState, process: BaseProcess, stack_file: Path) -> str:
        """Ask a worker for its stack by SIGVTALRM. Return "" until one check after it answered.

        A suspended worker does not answer, and is left alone. One that answers because it runs
        again has a new heartbeat by the next check.
        """
        size = stack_file.stat().st_size
        if worker.stack_begins_at is None:
            worker.stack_begins_at = size
            assert process.pid  # noqa: S101 - it has started
            os.kill(process.pid, signal.SIGVTALRM)
            return ""
        if worker.has_answered:
            return stack_file.read_text(errors="replace")[worker.stack_begins_at :]
        worker.has_answered = size > worker.stack_begins_at
        return ""

    def report_stack(
        self, worker: WorkerState, process: BaseProcess, stack: str, *, is_stuck: bool
    ) -> None:
        report = {"worker": worker.number, "seconds": round(worker.silent_for, 1), "stack": stack}
        if is_stuck:
            worker.is_stuck = True
            process.kill()
            log.error("worker stuck: replacing it", **report)
        else:
            worker.is_reported = True
            metrics.get_metrics().loop_blocked.inc()
            log.error("event loop blocked: a call holds the GIL", **report)

    def report_fault(self) -> None:
        """Make `/readyz` answer 503 while at least half of the workers keep ending."""
        count = len(self.workers)
        ending = 0
        for worker in self.workers.values():
            ending += worker.replace_at is not None and worker.pause > MIN_PAUSE
        fault_file = self.folder / FAULT_FILE
        if ending * 2 >= count:
            text = f"{ending} of {count} worker processes keep ending; the log says why."
            fault_file.write_text(text)
        else:
            fault_file.unlink(missing_ok=True)

    def get_file(self, name: str, process: BaseProcess) -> Path:
        return self.folder / name.format(pid=process.pid)
