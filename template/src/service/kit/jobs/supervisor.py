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
from multiprocessing.context import SpawnProcess
from types import FrameType
from uuid import UUID, uuid4

import asyncpg
import structlog
import uvloop

from service.kit.db import ERRORS
from service.kit.jobs.consumer import Consumer
from service.kit.jobs.runner import Cut
from service.kit.server import LOOK_SECONDS, Supervision, make

log = structlog.get_logger()

AGAIN = 75
"""The exit code of a process that could not go on and ended in order: EX_TEMPFAIL of sysexits.h."""


class Supervisor:
    """Keeps one worker process running, which the factory `create` makes."""

    def __init__(self, create: str, kill_timeout: float, supervision: Supervision) -> None:
        self.create = create
        self.kill_timeout = kill_timeout
        self.supervision = supervision
        self.identity = uuid4()
        self.stopping = threading.Event()
        self.process: SpawnProcess | None = None

    def run(self) -> None:
        """Run until SIGTERM or SIGINT: the first lets the jobs finish, the second ends them at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        process = self.start(died=False)
        while not self.stopping.wait(LOOK_SECONDS):
            if self.supervision.find_due([process]):
                process = self.start(died=process.exitcode != AGAIN)
        process.join()
        log.info("worker stopped")

    def start(self, *, died: bool) -> SpawnProcess:
        """Start a process. `died` says whether the one before it did."""
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=work, args=(self.create, self.identity, died))
        self.process.start()
        if self.stopping.is_set():
            self.process.terminate()
        return self.process

    def stop(self, number: int, _: FrameType | None) -> None:
        """Let the process finish its jobs, within its time."""
        process = self.process
        if self.stopping.is_set() and process:
            log.warning("told to stop twice: ending at once")
            process.kill()
        elif process and process.is_alive():
            log.info("told to stop", signal=signal.Signals(number).name)
            process.terminate()
            timer = threading.Timer(self.kill_timeout, process.kill)
            timer.daemon = True
            timer.start()
        self.stopping.set()


def work(create: str, identity: UUID, died: bool) -> None:
    """Run jobs in this process until SIGTERM; its exit code tells the supervisor how it ended."""
    threading.Thread(target=follow, name="supervisor", daemon=True).start()
    logging.getLogger("pgqueuer").addFilter(lambda line: not (line.exc_info and isinstance(line.exc_info[1], Cut)))
    consumer = Consumer(make(create))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(consumer.run(identity, died=died))
    except asyncpg.UndefinedTableError as error:
        log.error("worker cannot start", error=f"{error}. Migrations are pending: run `service migrate`.")
        sys.exit(AGAIN)
    except ERRORS as error:
        log.error("worker ends", error=str(error) or repr(error))
        sys.exit(AGAIN)


def follow() -> None:
    """Stop when the supervisor has ended without a word."""
    if supervisor := multiprocessing.parent_process():
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
