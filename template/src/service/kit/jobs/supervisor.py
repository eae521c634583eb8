# kit: updated by the template; extend it from app.py
"""The supervisor of the process that runs jobs: it replaces one that ends."""

import multiprocessing
import threading
import time
from multiprocessing.context import SpawnProcess
from uuid import uuid4

import structlog

from service.kit.server.signals import install_signal_handlers
from service.kit.server.supervision import POLL_SECONDS, Supervision

log = structlog.get_logger()


def keep_working(create: str, kill_timeout: float, supervision: Supervision) -> None:
    """Keep one process running jobs, until told to stop: the first signal lets them finish, the
    second ends it at once.

    A process ends with the connection of its queue, or when the watchdog or the system ends it. The
    next one returns its unfinished jobs to the queue at once: it knows them by the identity that
    the processes share.
    """
    from service.kit.jobs.consumer import AGAIN, work

    stop_requested = threading.Event()
    kill_requested = threading.Event()
    install_signal_handlers(lambda _: stop_requested.set(), kill_requested.set)
    spawn, identity = multiprocessing.get_context("spawn"), uuid4()

    def start(*, died: bool) -> SpawnProcess:
        process = spawn.Process(target=work, args=(create, identity, died))
        process.start()
        return process

    process = start(died=False)
    while not stop_requested.is_set():
        time.sleep(POLL_SECONDS)
        if supervision.check_workers([process]):
            process = start(died=process.exitcode != AGAIN)
    process.terminate()
    kill_at = time.monotonic() + kill_timeout
    while process.is_alive() and not kill_requested.is_set() and time.monotonic() < kill_at:
        process.join(POLL_SECONDS)
    process.kill()
    process.join()
    log.info("worker stopped")
