# kit: updated by the template; extend it from app.py
"""One kind of job in the worker: its argument is read, its handler called within its time, and its end told."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from pgqueuer import DatabaseRetryEntrypointExecutor, RetryRequested
from pgqueuer.core.executors import EntrypointExecutorParameters
from pgqueuer.domain import models
from pgqueuer.ports.driver import Driver

from service.kit.edge import context
from service.kit.jobs import meters, recovery
from service.kit.jobs.job import Hold, Job
from service.kit.jobs.options import JobOptions
from service.kit.jobs.queue import REQUEST_ID
from service.kit.jobs.recovery import DIED, WorkerDied
from service.kit.jobs.worker import find_parameters

log = structlog.get_logger()


class Cut(BaseException):
    """A run was cut short by the worker. PgQueuer deletes a job that is cancelled, but lets this one be.

    No exception of a handler's own can be this one, and none of its `except Exception` can swallow it.
    """


class Runner(DatabaseRetryEntrypointExecutor):
    """Runs one kind of job for PgQueuer, which retries what raises and holds what has raised too often.

    `driver` is PgQueuer's way to the queue. `tasks` are the runs under way of all runners, by the id of their job.
    """

    def __init__(
        self,
        job: Job,
        options: JobOptions,
        dependencies: Mapping[str, object],
        driver: Driver,
        tasks: dict[int, asyncio.Task[object]],
    ) -> None:
        self.attempts = job.attempts or options.attempts
        super().__init__(
            EntrypointExecutorParameters(job.concurrency, self.call, on_failure="hold"),
            max_attempts=self.attempts - 1,
            initial_delay=timedelta(seconds=options.backoff),
            max_delay=timedelta(seconds=options.max_backoff),
        )
        self.job = job
        self.timeout = job.timeout or options.timeout
        self.wanted = find_parameters(job, dependencies)
        self.dependencies = dependencies
        self.driver = driver
        self.heartbeat = options.heartbeat
        self.tasks = tasks

    async def execute(self, job: models.Job, context: models.Context) -> None:
        """Run a job, and say how it ended."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self.prepare(job, task)
        self.tasks[job.id] = task
        began, outcome = time.monotonic(), "cut"
        try:
            await super().execute(job, context)
            outcome = "succeeded"
        except asyncio.CancelledError:
            raise Cut from None
        except RetryRequested as retry:
            cause = retry.__cause__
            outcome = "held" if isinstance(cause, Hold) else "retried"
            if isinstance(cause, Hold):
                raise cause from cause.__cause__
            log.warning("job failed", attempt=job.attempts + 1, of=self.attempts, again_in=retry.delay, exc_info=cause)
            raise
        except Exception:
            outcome = "held"
            raise
        finally:
            del self.tasks[job.id]
            self.tell(outcome, time.monotonic() - began)

    def prepare(self, job: models.Job, task: asyncio.Task[object]) -> None:
        """Let the log, the watchdog and the database know whose work this is and how long it may take."""
        task.set_name(f"{self.job.name} {job.id}")
        structlog.contextvars.bind_contextvars(job=self.job.name, job_id=job.id)
        context.begin(str((job.headers or {}).get(REQUEST_ID, "")), self.timeout)
        waited = datetime.now(UTC) - max(job.created, job.execute_after)
        meters.meters().wait.labels(self.job.name).observe(max(0.0, waited.total_seconds()))

    async def call(self, job: models.Job) -> None:
        """Call the handler within its time."""
        argument = self.read(job.payload or b"")
        if job.attempts + await recovery.count_lost(self.driver, job, self.heartbeat) >= self.attempts:
            raise WorkerDied(DIED)
        values = {"job_id": job.id, "attempt": job.attempts + 1} | dict(self.dependencies)
        try:
            async with asyncio.timeout(self.timeout) as limit:
                with meters.meters().running.labels(self.job.name).track_inprogress():
                    await self.job.handler(argument, **{name: values[name] for name in self.wanted})
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"It took longer than {self.timeout:g} s, the timeout of this job.") from error
            raise
        except asyncio.CancelledError as error:
            if not self.tasks[job.id].cancelling():
                raise RuntimeError("It waited for something that was cancelled.") from error
            raise

    def read(self, payload: bytes) -> msgspec.Struct:
        """Return the argument. What cannot be read today cannot be read at the next attempt either."""
        try:
            return msgspec.json.decode(payload, type=self.job.argument)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Hold(f"Its argument is no {self.job.argument.__name__}: {error}") from error

    def tell(self, outcome: str, seconds: float) -> None:
        """Count a run, and log it."""
        meters.meters().runs.labels(self.job.name, outcome).inc()
        meters.meters().run.labels(self.job.name).observe(seconds)
        (log.error if outcome == "held" else log.info)("job run", outcome=outcome, seconds=round(seconds, 4))
