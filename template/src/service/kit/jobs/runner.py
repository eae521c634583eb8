# kit: updated by the template; extend it from app.py
"""Running one job: its argument is decoded, its handler called within its time, and its outcome decided and logged."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from pgqueuer import RetryRequested
from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.domain import models
from pgqueuer.ports.driver import Driver

from service.kit.edge import context
from service.kit.jobs import upkeep
from service.kit.jobs.job import Hold, Job, Worker
from service.kit.jobs.queue import REQUEST_ID, meters

log = structlog.get_logger()


class Cut(BaseException):
    """The worker cut a run short. PgQueuer deletes a job that is cancelled, but leaves one that raises this alone.

    No handler raises it, and no `except Exception` in a handler swallows it.
    """


class Floor:
    """Where jobs run: side by side, or one that has the floor to itself. `tasks` holds them by their ids."""

    def __init__(self) -> None:
        self.tasks: dict[int, asyncio.Task[object]] = {}
        self.running = 0
        self.turn = asyncio.Lock()  # in order of arrival; kept by whoever runs alone
        self.empty = asyncio.Event()
        self.empty.set()

    @asynccontextmanager
    async def enter(self, *, alone: bool) -> AsyncGenerator[None]:
        async with self.turn:
            if alone:
                await self.empty.wait()
                yield
                return
            self.running += 1
            self.empty.clear()
        try:
            yield
        finally:
            self.running -= 1
            if not self.running:
                self.empty.set()

    def cut(self, why: str) -> None:
        """Cancel all jobs: they stay in the queue."""
        if self.tasks:
            log.warning(why, jobs=[task.get_name() for task in self.tasks.values()])
        for task in self.tasks.values():
            task.cancel()


class Runner(AbstractEntrypointExecutor):
    """Runs one kind of job for PgQueuer, which puts back what raises `RetryRequested`, and holds what else raises."""

    def __init__(self, job: Job[Any], worker: Worker, driver: Driver, floor: Floor) -> None:
        self.job = job
        self.handler = worker.handlers[job.name]
        super().__init__(EntrypointExecutorParameters(job.concurrency, self.handler, on_failure="hold"))
        self.options = worker.options
        self.attempts = job.attempts or worker.options.attempts
        self.timeout = job.timeout or worker.options.timeout
        self.driver = driver
        self.floor = floor

    async def execute(self, job: models.Job, context: models.Context) -> None:
        """Run a job, and decide what becomes of it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        task.set_name(f"{self.job.name} {job.id}")
        structlog.contextvars.bind_contextvars(job=self.job.name, job_id=job.id)
        self.floor.tasks[job.id] = task
        alone = upkeep.is_suspect(job)
        began, outcome = time.monotonic(), "cut"
        try:
            async with self.floor.enter(alone=alone):
                began = time.monotonic()
                if alone:
                    await self.driver.execute(upkeep.RUN_ALONE, job.id)
                await self.call(job)
            outcome = "succeeded"
        except asyncio.CancelledError:
            raise Cut from None
        except Exception as error:
            if isinstance(error, Hold) or job.attempts + 1 >= self.attempts:
                outcome = "held"
                raise
            outcome = "retried"
            pause = min(self.options.backoff * 2**job.attempts, self.options.max_backoff)
            log.warning("job failed", attempt=job.attempts + 1, of=self.attempts, again_in=pause, exc_info=error)
            raise RetryRequested(timedelta(seconds=pause), str(error)) from error
        finally:
            del self.floor.tasks[job.id]
            self.tell(outcome, time.monotonic() - began)
            if alone and outcome in ("retried", "held"):
                await self.driver.execute(upkeep.SURVIVED, job.id)

    async def call(self, job: models.Job) -> None:
        """Call the handler, in the trace of the request that enqueued the job."""
        waited = datetime.now(UTC) - max(job.created, job.execute_after)
        meters().wait.labels(self.job.name).observe(max(0.0, waited.total_seconds()))
        headers = {name: str(value) for name, value in (job.headers or {}).items()}
        context.begin(headers.get(REQUEST_ID, ""), self.timeout)
        with context.tracing.job(self.job.name, headers) if context.tracing else nullcontext():
            await self.handle(job)

    async def handle(self, job: models.Job) -> None:
        """Call the handler within its time."""
        try:
            argument = msgspec.json.decode(job.payload or b"", type=self.job.argument)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:  # it cannot be read at the next attempt either
            raise Hold(f"Its argument is no {self.job.argument.__name__}: {error}") from error
        limit = asyncio.timeout(self.timeout)
        try:
            async with limit:
                with meters().running.labels(self.job.name).track_inprogress():
                    await self.handler(argument, job_id=job.id, attempt=job.attempts + 1)
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"It took longer than {self.timeout:g} s, the timeout of this job.") from error
            raise
        except asyncio.CancelledError as error:
            if not self.floor.tasks[job.id].cancelling():
                raise RuntimeError("It waited for something that was cancelled.") from error
            raise

    def tell(self, outcome: str, seconds: float) -> None:
        meters().runs.labels(self.job.name, outcome).inc()
        meters().run.labels(self.job.name).observe(seconds)
        (log.error if outcome == "held" else log.info)("job run", outcome=outcome, seconds=round(seconds, 4))
