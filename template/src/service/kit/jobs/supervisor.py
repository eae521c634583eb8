# kit: updated by the template; extend it from app.py
"""What `service worker` is: a process that starts the one that runs jobs, again whenever that ends, until told to stop.

A worker process ends with the connection of its queue, and when the watchdog or the system ends it. What it had not
finished, the next one gives back to the queue at once: it knows it by the identity that they share.
"""

import multiprocessing
import signal
import threading
from multiprocessing.context import SpawnProcess
from types import FrameType
from uuid import uuid4

import structlog

from service.kit.jobs import process
from service.kit.jobs.options import JobOptions
from service.kit.server import (
    LOOK_SECONDS,
    MetricsOptions,
    Supervision,
    WatchdogOptions,
    open_runtime_folder,
    serve_metrics,
)

log = structlog.get_logger()


class Supervisor:
    """Keeps one worker process running."""

    def __init__(self, create: str, options: JobOptions, supervision: Supervision) -> None:
        self.create = create
        self.options = options
        self.supervision = supervision
        self.identity = uuid4()
        self.stopping = threading.Event()
        self.child: SpawnProcess | None = None

    def run(self) -> None:
        """Run until SIGTERM or SIGINT: the first lets the jobs finish, the second ends them at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        child = self.start(died=False)
        while not self.stopping.wait(LOOK_SECONDS):
            if self.supervision.find_due([child]):
                child = self.start(died=child.exitcode != process.AGAIN)
        child.join()
        log.info("worker stopped")

    def start(self, *, died: bool) -> SpawnProcess:
        """Start a process. `died` says whether the one before it did."""
        context = multiprocessing.get_context("spawn")
        self.child = context.Process(target=process.run, args=(self.create, self.identity, died))
        self.child.start()
        if self.stopping.is_set():
            self.child.terminate()
        return self.child

    def stop(self, number: int, _: FrameType | None) -> None:
        """Let the process finish its jobs, within its time."""
        child = self.child
        if self.stopping.is_set() and child:
            log.warning("told to stop twice: ending at once")
            child.kill()
        elif child and child.is_alive():
            log.info("told to stop", signal=signal.Signals(number).name)
            child.terminate()
            timer = threading.Timer(self.options.kill_timeout, child.kill)
            timer.daemon = True
            timer.start()
        self.stopping.set()


def supervise(create: str, options: JobOptions, exposed: MetricsOptions, watch: WatchdogOptions) -> None:
    """Run what the factory `create` makes, as `module:function`, and serve its metrics, until told to stop."""
    with open_runtime_folder() as folder, serve_metrics(exposed, folder / "metrics", create.partition(".")[0]):
        Supervisor(create, options, Supervision(folder, watch.stuck)).run()
