# kit: updated by the template; extend it from app.py
"""The process that runs jobs: PgQueuer on the kit's tables, within bounds, and how it ends without losing a job."""

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
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.domain import models, types

from service.kit.db import ERRORS, bypass_pooler, dial, time_limits
from service.kit.edge import metrics
from service.kit.jobs.job import Schedule, Worker
from service.kit.jobs.queue import meters
from service.kit.jobs.runner import Cut, Floor, Runner
from service.kit.jobs.statements import NAMES, Statements, make_queries
from service.kit.jobs.upkeep import Upkeep
from service.kit.server import Watchdog, make

log = structlog.get_logger()

AGAIN = 75
"""The exit code of a process that could not go on and ended in order: EX_TEMPFAIL of sysexits.h."""


class Consumer:
    """Runs the jobs of a worker until it is told to stop."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.options = worker.options
        self.floor = Floor()
        self.lost = False

    async def run(self, identity: UUID, *, died: bool) -> None:
        """Run jobs until SIGTERM. All processes of one supervisor share `identity`; `died` tells whether the last did.

        Raises what asyncpg raises when PostgreSQL is away, and `ConnectionError` when the connection was lost.
        The supervisor then starts a new process; no job is lost.
        """
        meters().show(self.worker.jobs)
        database = bypass_pooler(self.worker.settings.database)  # notifications come to a session
        settings = {**time_limits(database), "application_name": "service worker"}
        connection = await dial(database, settings, database.command_timeout)
        try:
            queries = make_queries(connection, self.floor)
            upkeep = Upkeep(queries.driver, identity, self.worker)
            async with AsyncExitStack() as stack:
                stack.enter_context(Watchdog(asyncio.get_running_loop(), self.worker.settings.watchdog))
                await (upkeep.recover(own=True) if died else upkeep.give_back())
                for resource in self.worker.resources:
                    await stack.enter_async_context(resource)
                self.heed(queue := self.make_queue(queries, identity), connection)
                await self.consume(queue, upkeep)
            if self.lost:
                raise ConnectionError("The connection to PostgreSQL was lost.")
            await upkeep.give_back()
        finally:
            with suppress(Exception):
                await connection.close(timeout=database.connect_timeout)

    def make_queue(self, queries: Statements, identity: UUID) -> PgQueuer:
        queue = PgQueuer(queries.driver, NAMES.channel, queries=queries)
        queue.qm.queue_manager_id = types.QueueManagerId(identity)
        for name, job in self.worker.jobs.items():
            queue.qm.register_executor(name, Runner(job, self.worker, queries.driver, self.floor))
        for schedule in self.worker.schedules:
            queue.schedule(schedule.job.name, schedule.cron)(partial(start, schedule, queries))
        return queue

    async def consume(self, queue: PgQueuer, upkeep: Upkeep) -> None:
        log.info("worker started", jobs=sorted(self.worker.jobs), concurrency=self.options.concurrency)
        beside = [asyncio.create_task(metrics.sample()), asyncio.create_task(upkeep.run())]
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
        """Stop at SIGTERM, and at the loss of the connection, without which no outcome can be noted."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if not queue.shutdown.is_set():
                log.info("worker stops", jobs=len(self.floor.tasks), seconds=self.options.drain_timeout)
                queue.shutdown.set()
                loop.call_later(self.options.drain_timeout, self.floor.cut, "drain deadline passed")

        def lose(_: object) -> None:
            self.lost = True
            queue.shutdown.set()
            self.floor.cut("connection lost")

        loop.add_signal_handler(signal.SIGTERM, stop)
        connection.add_termination_listener(lose)


async def start(schedule: Schedule[Any], queries: Statements, _: models.Schedule) -> None:
    """Enqueue a job when it is time: it is as durable as any other."""
    await queries.enqueue(schedule.job.name, msgspec.json.encode(schedule.argument))
    meters().enqueued.labels(schedule.job.name).inc()


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
