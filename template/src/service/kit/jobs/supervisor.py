# kit: updated by the template; extend it from app.py
"""What `service worker` is: a process that starts the one that runs jobs, again whenever that ends, until told to stop.

A worker process ends with the connection of its queue, or when the watchdog or the system ends it. The next one
returns its unfinished jobs to the queue at once: it knows them by the identity that the processes share.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from importlib import import_module
from multiprocessing.context import SpawnProcess
from types import FrameType
from uuid import UUID, uuid4

import asyncpg
import structlog
import uvloop

from service.kit.db import ERRORS
from service.kit.edge import metrics
from service.kit.jobs.consumer import Consumer, LostError
from service.kit.jobs.job import JobOptions
from service.kit.jobs.runner import Cut
from service.kit.server import MetricsOptions, serve, shared

log = structlog.get_logger()

AGAIN = 75
"""The exit code of a process that could not go on and ended in order: EX_TEMPFAIL of sysexits.h."""

LOST = (LostError, *ERRORS)

SHORTEST, LONGEST = 0.25, 5.0
"""The pause before a process is replaced, in seconds: doubled each time that one ends soon."""

SOON = 30.0
"""A process that ran for longer was healthy: the pause is the shortest again."""


class Supervisor:
    """Keeps one worker process running."""

    def __init__(self, create: str, options: JobOptions) -> None:
        self.create = create
        self.options = options
        self.identity = uuid4()
        self.stopping = threading.Event()
        self.process: SpawnProcess | None = None

    def run(self) -> None:
        """Run until SIGTERM or SIGINT: the first lets the jobs finish, the second ends them at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        pause, died = SHORTEST, False
        while not self.stopping.is_set():
            began = time.monotonic()
            code = self.run_process(died)
            if self.stopping.is_set():
                break
            pause = SHORTEST if time.monotonic() - began > SOON else pause
            died = code != AGAIN
            log.error("worker process ended", exit_code=code, seconds_to_next=pause)
            self.stopping.wait(pause)
            pause = min(2 * pause, LONGEST)
        log.info("worker stopped")

    def run_process(self, died: bool) -> int | None:
        """Run one process to its end, and return its exit code, negative if it was killed."""
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=work, args=(self.create, self.identity, died))
        self.process.start()
        if self.stopping.is_set():
            self.process.terminate()
        self.process.join()
        return self.process.exitcode

    def stop(self, number: int, _: FrameType | None) -> None:
        """Let the process finish its jobs, within its time."""
        process = self.process
        if self.stopping.is_set() and process:
            log.warning("told to stop twice: ending at once")
            process.kill()
        elif process and process.is_alive():
            log.info("told to stop", signal=signal.Signals(number).name)
            process.terminate()
            timer = threading.Timer(self.options.kill_timeout, process.kill)
            timer.daemon = True
            timer.start()
        self.stopping.set()


def supervise(create: str, options: JobOptions, exposed: MetricsOptions) -> None:
    """Run the worker that the factory `create` makes, as `module:function`, and serve its metrics."""
    with ExitStack() as stack:
        folder = stack.enter_context(shared.provide())
        if exposed.port:
            serve.offer_metrics(stack, exposed, folder / "metrics", create.partition(".")[0])
        Supervisor(create, options).run()


def work(create: str, identity: UUID, died: bool) -> None:
    """Run jobs in this process until SIGTERM; its exit code tells the supervisor how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the supervisor decides
    threading.Thread(target=follow, name="supervisor", daemon=True).start()
    logging.getLogger("pgqueuer").addFilter(lambda line: not (line.exc_info and isinstance(line.exc_info[1], Cut)))
    module, _, name = create.partition(":")
    consumer = Consumer(getattr(import_module(module), name)())
    metrics.meters().workers.set(1)
    metrics.meters().starts.inc()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(consumer.run(identity, died=died))
    except asyncpg.UndefinedTableError as error:
        log.error("worker cannot start", error=f"{error}. Migrations are pending: run `service migrate`.")
        sys.exit(AGAIN)
    except LOST as error:
        log.error("worker ends", error=str(error) or repr(error))
        sys.exit(AGAIN)


def follow() -> None:
    """Stop when the supervisor has ended without a word."""
    supervisor = multiprocessing.parent_process()
    if supervisor:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
