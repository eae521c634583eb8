# kit: updated by the template; extend it from app.py
"""Consuming the queue: PgQueuer on a connection of its own, within bounds, and how it ends without losing a job."""

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
import msgspec
import structlog
from pgqueuer import PgQueuer
from pgqueuer.domain import models
from pgqueuer.domain.types import QueueManagerId

from service.kit.db import bypass_pooler, time_limits
from service.kit.edge import metrics
from service.kit.jobs.job import Schedule, Worker
from service.kit.jobs.pgqueuer import NAMES, Statements, make_queries
from service.kit.jobs.queue import meters
from service.kit.jobs.runner import Floor, Runner
from service.kit.jobs.upkeep import Upkeep
from service.kit.server import Watchdog

log = structlog.get_logger()


class LostError(Exception):
    """The queue cannot be read any more. The supervisor starts a new process; no job is lost."""


class Consumer:
    """Runs the jobs of a worker until it is told to stop."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.options = worker.options
        self.floor = Floor()
        self.lost = False

    async def run(self, identity: UUID, *, died: bool) -> None:
        """Run jobs until SIGTERM. All processes of one supervisor share `identity`; `died` tells whether the last did.

        Raises `LostError`, and what asyncpg raises when PostgreSQL is away.
        """
        meters().show(self.worker.jobs)
        connection = await self.connect()
        try:
            queries = make_queries(connection)
            upkeep = Upkeep(queries.driver, identity, self.worker)
            async with AsyncExitStack() as stack:
                stack.enter_context(Watchdog(asyncio.get_running_loop(), self.worker.settings.watchdog))
                await (upkeep.recover(own=True) if died else upkeep.give_back())
                for resource in self.worker.resources:
                    await stack.enter_async_context(resource)
                self.heed(queue := self.make_queue(queries, identity), connection)
                await self.consume(queue, upkeep)
            if self.lost:
                raise LostError("The connection to PostgreSQL was lost.")
            await upkeep.give_back()
        finally:
            with suppress(Exception):
                await connection.close(timeout=self.worker.settings.database.connect_timeout)

    async def connect(self) -> asyncpg.Connection:
        """Open the connection of the queue, past a pooler: notifications come to a session."""
        options = bypass_pooler(self.worker.settings.database)
        return await asyncpg.connect(
            options.url.get_secret_value(),
            timeout=options.connect_timeout,
            command_timeout=options.command_timeout,
            server_settings={**time_limits(options), "application_name": "service worker"},
        )

    def make_queue(self, queries: Statements, identity: UUID) -> PgQueuer:
        queue = PgQueuer(queries.driver, NAMES.channel, queries=queries)
        queue.qm.queue_manager_id = QueueManagerId(identity)
        for name, job in self.worker.jobs.items():
            queue.qm.register_executor(name, Runner(job, self.worker, queries.driver, self.floor))
        for schedule in self.worker.schedules:
            queue.schedule(schedule.job.name, schedule.cron)(partial(start, schedule, queries))
        return queue

    async def consume(self, queue: PgQueuer, upkeep: Upkeep) -> None:
        """Let PgQueuer run the jobs."""
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


async def start(schedule: Schedule, queries: Statements, _: models.Schedule) -> None:
    """Enqueue a job when it is time: it is as durable as any other."""
    await queries.enqueue(schedule.job.name, msgspec.json.encode(schedule.argument))
    meters().enqueued.labels(schedule.job.name).inc()
