# kit: updated by the template; extend it from app.py
"""The worker process, as its supervisor starts it: what runs in it, and what its exit code says."""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
from importlib import import_module
from uuid import UUID

import asyncpg
import structlog
import uvloop

from service.kit.db import errors
from service.kit.edge import metrics
from service.kit.jobs.consumer import Consumer, LostError
from service.kit.jobs.runner import Cut
from service.kit.server import take_slot

log = structlog.get_logger()

AGAIN = 75
"""The exit code of a process that could not go on and ended in order: EX_TEMPFAIL of sysexits.h."""

LOST = (LostError, *errors.UNREACHABLE, asyncpg.PostgresError, asyncpg.InterfaceError)


def run(create: str, identity: UUID, died: bool) -> None:
    """Run the jobs of the worker that the factory `create` makes, as `module:function`, until SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the supervisor decides
    threading.Thread(target=follow, name="supervisor", daemon=True).start()
    logging.getLogger("pgqueuer").addFilter(lambda line: not (line.exc_info and isinstance(line.exc_info[1], Cut)))
    take_slot()
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
    """Stop when the supervisor has ended without telling."""
    supervisor = multiprocessing.parent_process()
    if supervisor:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
