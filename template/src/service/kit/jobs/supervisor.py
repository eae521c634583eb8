# kit: updated by the template; extend it from app.py
"""The supervisor of the process that runs jobs: it replaces one that ends, until told to stop."""

import multiprocessing
import signal
import time
from multiprocessing.context import SpawnProcess
from uuid import UUID, uuid4

import structlog

from service.kit.jobs.consumer import EXIT_IN_ORDER, run_consumer
from service.kit.server.supervision import POLL_SECONDS, Supervision

log = structlog.get_logger()


def keep_consumer_running(create: str, kill_timeout: float, supervision: Supervision) -> None:
    """Keep one process running jobs until told to stop.

    The first signal lets the jobs finish, the second ends them at once. A process ends with the
    connection of its queue, or when the watchdog or the system ends it. The next one returns its
    unfinished jobs to the queue at once: all of them share an identity.
    """
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.append(number))
    identity = uuid4()
    process = start_consumer(create, identity, died=False)
    while not signals:
        time.sleep(POLL_SECONDS)
        if supervision.find_due([process]):
            died = process.exitcode != EXIT_IN_ORDER
            process = start_consumer(create, identity, died=died)
    process.terminate()
    log.info("told to stop", signal=signal.Signals(signals[0]).name)
    kill_at = time.monotonic() + kill_timeout
    while process.is_alive() and len(signals) == 1 and time.monotonic() < kill_at:
        process.join(POLL_SECONDS)
    process.kill()
    if len(signals) > 1:
        log.warning("told to stop twice: ending at once")
    process.join()
    log.info("worker stopped")


def start_consumer(create: str, identity: UUID, *, died: bool) -> SpawnProcess:
    """Start a process that runs jobs; `died` says that the one before it crashed."""
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=run_consumer, args=(create, identity, died))
    process.start()
    return process
