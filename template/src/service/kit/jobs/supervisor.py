# kit: updated by the template; extend it from app.py
"""Keeps a process running that runs jobs: replaces it when it ends, until a stop signal."""

import multiprocessing
import threading
import time
from multiprocessing.context import SpawnProcess
from uuid import UUID, uuid4

import structlog

from service.kit.jobs.consumer import run_consumer
from service.kit.server.signals import install_signal_handlers
from service.kit.server.supervision import EXIT_IN_ORDER, POLL_SECONDS, Supervision

log = structlog.get_logger()


def keep_consumer_running(create: str, kill_timeout: float, supervision: Supervision) -> None:
    """Keep one process running jobs until SIGTERM or SIGINT.

    The first signal lets the jobs finish, the second ends them at once. A process ends when it
    loses its connection to the queue, or when the watchdog or the system kills it. The next one
    returns the unfinished jobs to the queue at once: all of them share an identity.
    """
    stop_requested = threading.Event()
    kill_requested = threading.Event()
    install_signal_handlers(lambda _: stop_requested.set(), kill_requested.set)
    identity = uuid4()
    process = start_consumer(create, identity, died=False)
    while not stop_requested.is_set():
        time.sleep(POLL_SECONDS)
        if supervision.check_workers([process]):
            died = process.exitcode != EXIT_IN_ORDER
            process = start_consumer(create, identity, died=died)
    process.terminate()
    kill_at = time.monotonic() + kill_timeout
    while process.is_alive() and not kill_requested.is_set() and time.monotonic() < kill_at:
        process.join(POLL_SECONDS)
        supervision.checked_at = time.monotonic()  # /livez stays 200
    process.kill()
    process.join()
    log.info("worker stopped")


def start_consumer(create: str, identity: UUID, *, died: bool) -> SpawnProcess:
    """Start a process that runs jobs; `died` says that the one before it crashed."""
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=run_consumer, args=(create, identity, died))
    process.start()
    return process
