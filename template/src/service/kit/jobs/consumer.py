# kit: updated by the template; extend it from app.py
"""The process that runs jobs: PgQueuer on the kit's tables, stopped without losing a job."""

import asyncio
import logging
import os
import sys
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
from service.kit.jobs.queue import get_job_metrics
from service.kit.jobs.runner import Runner
from service.kit.jobs.running import Interrupted, RunningJobs
from service.kit.jobs.statements import NAMES, Statements, make_statements
from service.kit.jobs.upkeep import Upkeep
from service.kit.server.log_level import follow_level
from service.kit.server.output import end_output
from service.kit.server.process import make_in_worker
from service.kit.server.signals import call_on_sigterm, exit_with_parent
from service.kit.server.supervision import EXIT_IN_ORDER
from service.kit.server.watchdog import Watchdog
from service.kit.work import metrics
from service.kit.work.resources import open_resources

log = structlog.get_logger()

CHECK_INTERVAL = 0.5

MIN_SILENCE = 10.0
"""Seconds without polling, at least, after which PgQueuer is taken to have stopped."""


class Consumer:
    """Runs the jobs of a worker until SIGTERM."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.options = worker.options
        self.running = RunningJobs()
        self.connection_lost = False

    async def run(self, identity: UUID, *, died: bool) -> None:
        """Run jobs until SIGTERM, with a connection to the queue.

        All processes of one supervisor share `identity`; `died` says that the last one crashed.
        Raises what asyncpg raises when PostgreSQL is away, and `ConnectionError` when the
        connection is lost. The supervisor then starts a new process; no job is lost.
        """
        database = bypass_pooler(self.worker.settings.database)  # notifications need a session
        settings = {**get_session_limits(database), "application_name": "service worker"}
        connection = await open_connection(database, settings, database.command_timeout)
        get_job_metrics().show(self.worker.jobs)  # now, for `jobs_running` says that jobs can run
        try:
            await self.run_on(connection, identity, died=died)
        finally:
            with suppress(Exception):
                await connection.close(timeout=database.connect_timeout)

    async def run_on(self, connection: asyncpg.Connection, identity: UUID, *, died: bool) -> None:
        """Run jobs with a connection to the queue, and give unfinished ones back at the end."""
        statements = make_statements(connection)
        upkeep = Upkeep(statements.driver, identity, self.worker)
        async with AsyncExitStack() as stack:
            if died:
                await upkeep.recover(own=True)
            else:
                await upkeep.requeue_own()
            # Its heartbeat makes the main process ready: database and tables are there.
            loop = asyncio.get_running_loop()
            stack.enter_context(Watchdog(loop, self.worker.settings.watchdog))
            await stack.enter_async_context(open_resources(self.worker.resources))
            queue = self.make_queue(statements, identity)
            self.stop_on_signal_or_loss(queue, connection)
            await self.consume(queue, statements, upkeep)
        if self.connection_lost:
            raise ConnectionError("The connection to PostgreSQL was lost.")
        await upkeep.requeue_own()

    def make_queue(self, statements: Statements, identity: UUID) -> PgQueuer:
        """Return PgQueuer with all jobs and schedules registered."""
        statements.running = self.running
        queue = PgQueuer(statements.driver, NAMES.channel, queries=statements)
        queue.qm.queue_manager_id = types.QueueManagerId(identity)
        for name, job in self.worker.jobs.items():
            runner = Runner(job, self.worker, statements.driver, self.running)
            queue.qm.register_executor(name, runner)
        for schedule in self.worker.schedules:
            register = queue.schedule(schedule.job.name, schedule.cron)
            register(partial(enqueue_scheduled, schedule, statements))
        return queue

    async def consume(self, queue: PgQueuer, statements: Statements, upkeep: Upkeep) -> None:
        """Run jobs until the queue shuts down and all its jobs have ended."""
        concurrency = self.options.concurrency
        log.info("worker started", jobs=sorted(self.worker.jobs), concurrency=concurrency)
        alongside = [
            asyncio.create_task(metrics.sample_gauges()),
            asyncio.create_task(follow_level()),
            asyncio.create_task(upkeep.run()),
            asyncio.create_task(self.watch_until_end(queue, statements, upkeep)),
        ]
        run = queue.run if self.worker.schedules else queue.qm.run
        try:
            await run(
                dequeue_timeout=timedelta(seconds=self.options.poll_interval),
                batch_size=concurrency // 2,  # PgQueuer takes no more at once
                max_concurrent_tasks=concurrency,
                shutdown_on_listener_failure=True,
                heartbeat_timeout=timedelta(seconds=self.options.heartbeat),
                log_aggregation_interval=timedelta(0),  # Prometheus has the statistics
            )
        finally:
            for task in alongside:
                task.cancel()
            await asyncio.gather(*alongside, return_exceptions=True)

    def stop_on_signal_or_loss(self, queue: PgQueuer, connection: asyncpg.Connection) -> None:
        """Stop at SIGTERM, and when the connection is lost: no outcome could be recorded."""

        def stop_after_loss(_: object) -> None:
            self.connection_lost = True
            queue.shutdown.set()
            self.running.interrupt_all("connection lost")

        call_on_sigterm(queue.shutdown.set)
        connection.add_termination_listener(stop_after_loss)

    async def watch_until_end(
        self, queue: PgQueuer, statements: Statements, upkeep: Upkeep
    ) -> None:
        """Shut the queue down if it or a job is stuck; then end all jobs and the process in time.

        PgQueuer would wait for its jobs forever, and a job may ignore its cancellation.
        """
        await self.watch(queue, statements)
        if not self.connection_lost:
            seconds = self.options.drain_timeout
            log.info("worker stops", jobs=len(self.running.tasks), seconds=seconds)
            await asyncio.sleep(seconds)
            self.running.interrupt_all("drain deadline passed")
        await asyncio.sleep(self.options.grace)
        await self.exit(upkeep)

    async def watch(self, queue: PgQueuer, statements: Statements) -> None:
        """Return when the queue shuts down, which this also does if it or a job is stuck."""
        asked_at = statements.asked_at
        silence = 0.0
        while not queue.shutdown.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(queue.shutdown.wait(), CHECK_INTERVAL)
            silence = silence + CHECK_INTERVAL if asked_at == statements.asked_at else 0.0
            asked_at = statements.asked_at
            if silence >= max(self.options.heartbeat, MIN_SILENCE):
                log.error("queue polling has stopped: ending the worker process", seconds=silence)
                queue.shutdown.set()
            if self.running.overdue:
                names = self.running.name_jobs(self.running.overdue)
                log.error("jobs ran past their timeout and do not end", jobs=names)
                queue.shutdown.set()

    async def exit(self, upkeep: Upkeep) -> NoReturn:
        """End this process although jobs ignore their cancellation. They go back to the queue.

        A job that ran past its timeout stays taken, as if it had crashed the process: this counts
        as an attempt, or it would be retried forever.
        """
        names = self.running.name_jobs(self.running.tasks)
        advice = "Let CancelledError propagate."
        log.error("jobs ignored cancellation: ending the worker process", jobs=names, advice=advice)
        overdue = [] if self.connection_lost else list(self.running.overdue)
        with suppress(Exception):
            async with asyncio.timeout(self.options.grace / 2):
                await upkeep.requeue_own(excluded=overdue)
        end_output()
        os._exit(1 if overdue else EXIT_IN_ORDER)


async def enqueue_scheduled(
    schedule: Schedule[Any], statements: Statements, _: models.Schedule
) -> None:
    """Enqueue a job when it is time: it is then as durable as any other."""
    await statements.enqueue(schedule.job.name, msgspec.json.encode(schedule.argument))
    get_job_metrics().enqueued.labels(schedule.job.name).inc()


def run_consumer(create: str, identity: UUID, died: bool) -> None:
    """Run jobs in this process until SIGTERM. Its exit code tells the supervisor how it ended."""
    exit_with_parent()
    logging.getLogger("pgqueuer").addFilter(is_worth_logging)
    consumer = Consumer(make_in_worker(create))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(consumer.run(identity, died=died))
    except asyncpg.UndefinedTableError as error:
        advice = "Migrations are pending: run `service migrate`."
        log.error("worker cannot start", error=f"{error}. {advice}")
        sys.exit(EXIT_IN_ORDER)
    except (*ERRORS, PgqException) as error:
        log.error("worker ends", error=str(error) or repr(error))
        sys.exit(EXIT_IN_ORDER)


def is_worth_logging(record: logging.LogRecord) -> bool:
    """Return whether PgQueuer may log a record: interrupted runs are not errors."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, Interrupted)
