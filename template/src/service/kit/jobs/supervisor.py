# kit: updated by the template; extend it from app.py
"""What `service worker` is: a process that starts the one that runs jobs, again whenever that ends, until told to stop.

A worker process ends with the connection of its queue, and when the watchdog or the system ends it. What it had not
finished, the next one gives back to the queue at once: it knows it by the identity that they share.
"""

import multiprocessing
import signal
import threading
import time
from contextlib import ExitStack
from multiprocessing.context import SpawnProcess
from types import FrameType
from uuid import uuid4

import structlog

from service.kit.jobs import process
from service.kit.jobs.options import JobOptions
from service.kit.server import MetricsOptions, serve, shared

log = structlog.get_logger()

SHORTEST, LONGEST = 0.25, 5.0
"""The pause before a process takes the place of another, in seconds: doubled each time that one ends soon."""

SOON = 30.0
"""A process that ran for longer was well: the pause is the shortest again."""


class Supervisor:
    """Keeps one worker process running."""

    def __init__(self, create: str, options: JobOptions) -> None:
        self.create = create
        self.options = options
        self.identity = uuid4()
        self.stopping = threading.Event()
        self.child: SpawnProcess | None = None

    def run(self) -> None:
        """Run until SIGTERM or SIGINT: the first lets the jobs finish, the second ends them at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        pause, died = SHORTEST, False
        while not self.stopping.is_set():
            began = time.monotonic()
            code = self.run_child(died)
            if self.stopping.is_set():
                break
            pause = SHORTEST if time.monotonic() - began > SOON else pause
            died = code != process.AGAIN
            log.error("worker process ended", exit_code=code, seconds_to_next=pause)
            self.stopping.wait(pause)
            pause = min(2 * pause, LONGEST)
        log.info("worker stopped")

    def run_child(self, died: bool) -> int | None:
        """Run one process to its end, and return its exit code: that of a killed one is negative."""
        context = multiprocessing.get_context("spawn")
        self.child = context.Process(target=process.run, args=(self.create, self.identity, died))
        self.child.start()
        if self.stopping.is_set():
            self.child.terminate()
        self.child.join()
        return self.child.exitcode

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


def supervise(create: str, options: JobOptions, exposed: MetricsOptions) -> None:
    """Run what the factory `create` makes, as `module:function`, and serve its metrics, until told to stop."""
    with ExitStack() as stack:
        folder = stack.enter_context(shared.provide())
        if exposed.port:
            serve.offer_metrics(stack, exposed, folder / "metrics", create.partition(".")[0])
        Supervisor(create, options).run()
