# kit: updated by the template; extend it from app.py
"""The process that runs jobs: PgQueuer on the kit's tables, within bounds, and how it ends without
losing a job.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

import asyncpg
import msgspec
import structlog
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.domain import models, types
from pgqueuer.domain.errors import PgqException

from service.kit.db.errors import ERRORS
from service.kit.db.sessions import bypass_pooler, get_session_limits, open_connection
from service.kit.jobs.job import Schedule, Worker
from service.kit.jobs.queue import meters
from service.kit.jobs.runner import Interrupted, Runner, RunningJobs
from service.kit.jobs.statements import NAMES, Statements, make_queries
from service.kit.jobs.upkeep import Upkeep
from service.kit.server.output import end_output
from service.kit.server.process import make_in_worker
from service.kit.server.watchdog import Watchdog
from service.kit.work import metrics
from service.kit.work.resources import open_resources

log = structlog.get_logger()

AGAIN = 75
"""The exit code of a process that could not go on and ended in order: EX_TEMPFAIL of sysexits.h."""

LOOK_SECONDS = 0.5

MIN_SILENCE = 10.0
"""Seconds without a question for jobs, at least, after which PgQueuer no longer asks."""


class Consumer:
    """Runs the jobs of a worker until it is told to stop."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.options = worker.options
        self.floor = RunningJobs()
        self.lost = False

    async def run(self, identity: UUID, *, died: bool) -> None:
        """Run jobs until SIGTERM. All processes of one supervisor share `identity`; `died` tells
        whether the last did.

        Raises what asyncpg raises when PostgreSQL is away, and `ConnectionError` when the
        connection was lost. The supervisor then starts a new process; no job is lost.
        """
        meters().show(self.worker.jobs)
        database = bypass_pooler(self.worker.settings.database)  # notifications come to a session
        settings = {**get_session_limits(database), "application_name": "service worker"}
        connection = await open_connection(database, settings, database.command_timeout)
        try:
            queries = make_queries(connection)
            upkeep = Upkeep(queries.driver, identity, self.worker)
            async with AsyncExitStack() as stack:
                stack.enter_context(
                    Watchdog(asyncio.get_running_loop(), self.worker.settings.watchdog)
                )
                await (upkeep.recover(own=True) if died else upkeep.give_back())
                await stack.enter_async_context(open_resources(self.worker.resources))
                self.heed(queue := self.make_queue(queries, identity), connection)
                await self.consume(queue, queries, upkeep)
            if self.lost:
                raise ConnectionError("The connection to PostgreSQL was lost.")
            await upkeep.give_back()
        finally:
            with suppress(Exception):
                await connection.close(timeout=database.connect_timeout)

    def make_queue(self, queries: Statements, identity: UUID) -> PgQueuer:
        queries.floor = self.floor
        queue = PgQueuer(queries.driver, NAMES.channel, queries=queries)
        queue.qm.queue_manager_id = types.QueueManagerId(identity)
        for name, job in self.worker.jobs.items():
            queue.qm.register_executor(name, Runner(job, self.worker, queries.driver, self.floor))
        for schedule in self.worker.schedules:
            queue.schedule(schedule.job.name, schedule.cron)(partial(start, schedule, queries))
        return queue

    async def consume(self, queue: PgQueuer, queries: Statements, upkeep: Upkeep) -> None:
        log.info(
            "worker started", jobs=sorted(self.worker.jobs), concurrency=self.options.concurrency
        )
        others = metrics.sample_gauges(), upkeep.run(), self.see_to_the_end(queue, queries, upkeep)
        beside = [asyncio.create_task(other) for other in others]
        try:
            await (queue.run if self.worker.schedules else queue.qm.run)(
                dequeue_timeout=timedelta(seconds=self.options.poll_interval),
                batch_size=self.options.concurrency // 2,  # PgQueuer takes no more at once
                max_concurrent_tasks=self.options.concurrency,
                shutdown_on_listener_failure=True,
                heartbeat_timeout=timedelta(seconds=self.options.heartbeat),
                log_aggregation_interval=timedelta(0),  # Prometheus has the statistics
            )
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def heed(self, queue: PgQueuer, connection: asyncpg.Connection) -> None:
        """Stop at SIGTERM, and at the loss of the connection, without which no outcome can be
        noted.
        """

        def lose(_: object) -> None:
            self.lost = True
            queue.shutdown.set()
            self.floor.cut("connection lost")

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, queue.shutdown.set)
        connection.add_termination_listener(lose)

    async def see_to_the_end(self, queue: PgQueuer, queries: Statements, upkeep: Upkeep) -> None:
        """End the jobs that run once no more are taken, whatever the reason, and then the process.

        PgQueuer waits for them, however long. A job that swallows its cancellation would never end.
        """
        seen, silent = queries.asked_at, 0.0
        while not queue.shutdown.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(queue.shutdown.wait(), LOOK_SECONDS)
            silent = silent + LOOK_SECONDS if seen == queries.asked_at else 0.0
            seen = queries.asked_at
            if silent >= max(self.options.heartbeat, MIN_SILENCE):
                log.error("queue polling has stopped: ending the worker process", seconds=silent)
                queue.shutdown.set()
            if self.floor.overdue:
                names = self.floor.list_names(self.floor.overdue)
                log.error("jobs ran past their timeout and do not end", jobs=names)
                queue.shutdown.set()
        if not self.lost:
            seconds = self.options.drain_timeout
            log.info("worker stops", jobs=len(self.floor.tasks), seconds=seconds)
            await asyncio.sleep(seconds)
            self.floor.cut("drain deadline passed")
        await asyncio.sleep(self.options.grace)
        await self.exit(upkeep)

    async def exit(self, upkeep: Upkeep) -> NoReturn:
        """End this process without a word to its jobs. Those go back to the queue.

        One that ran past its timeout stays taken, as if it had ended the process: this counts as an
        attempt, or it would be run for ever.
        """
        names = self.floor.list_names(self.floor.tasks)
        advice = "Let CancelledError propagate."
        log.error("jobs ignored cancellation: ending the worker process", jobs=names, advice=advice)
        overdue = [] if self.lost else [*self.floor.overdue]
        with suppress(Exception):
            async with asyncio.timeout(self.options.grace / 2):
                await upkeep.give_back(but=overdue)
        end_output()
        os._exit(1 if overdue else AGAIN)


async def start(schedule: Schedule[Any], queries: Statements, _: models.Schedule) -> None:
    """Enqueue a job when it is time: it is as durable as any other."""
    await queries.enqueue(schedule.job.name, msgspec.json.encode(schedule.argument))
    meters().enqueued.labels(schedule.job.name).inc()


def work(create: str, identity: UUID, died: bool) -> None:
    """Run jobs in this process until SIGTERM; its exit code tells the supervisor how it ended."""
    threading.Thread(target=follow, name="supervisor", daemon=True).start()
    logging.getLogger("pgqueuer").addFilter(
        lambda line: not (line.exc_info and isinstance(line.exc_info[1], Interrupted))
    )
    consumer = Consumer(make_in_worker(create))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(consumer.run(identity, died=died))
    except asyncpg.UndefinedTableError as error:
        log.error(
            "worker cannot start", error=f"{error}. Migrations are pending: run `service migrate`."
        )
        sys.exit(AGAIN)
    except (*ERRORS, PgqException) as error:
        log.error("worker ends", error=str(error) or repr(error))
        sys.exit(AGAIN)


def follow() -> None:
    """Stop when the supervisor has ended without a word."""
    if supervisor := multiprocessing.parent_process():
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
