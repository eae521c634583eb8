# kit: updated by the template; extend it from app.py
"""Runs one job: decodes its argument, calls its handler in time, and decides on a retry.

A job whose process died is judged in upkeep.py instead.
"""

import asyncio
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from pgqueuer import RetryRequested
from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.domain import models
from pgqueuer.ports.driver import Driver

from service.kit.jobs import upkeep
from service.kit.jobs.job import Hold, Job, Worker
from service.kit.jobs.queue import REQUEST_ID, get_job_metrics
from service.kit.jobs.running import Interrupted, RunningJobs
from service.kit.server.logs import shorten_text
from service.kit.work import context, tracing
from service.kit.work.limits import DeadlineError, TimeLimit

log = structlog.get_logger()


class Runner(AbstractEntrypointExecutor):
    """Runs the jobs of one kind for PgQueuer.

    PgQueuer puts a job back that raises `RetryRequested`, and holds one that raises anything else.
    """

    def __init__(self, job: Job[Any], worker: Worker, driver: Driver, running: RunningJobs) -> None:
        self.job = job
        self.handler = worker.handlers[job.name]
        self.options = worker.options
        self.max_attempts = job.attempts or worker.options.attempts
        self.timeout = job.timeout or worker.options.timeout
        self.driver = driver
        self.running = running
        super().__init__(
            EntrypointExecutorParameters(job.concurrency, self.handler, on_failure="hold")
        )

    async def execute(self, job: models.Job, context: models.Context) -> None:
        """Run a job, and decide its outcome: succeeded, retried, held, or cut off."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        task.set_name(f"{self.job.name} {job.id}")
        structlog.contextvars.bind_contextvars(job=self.job.name, job_id=job.id)
        self.running.tasks[job.id] = task
        started_at = time.monotonic()
        outcome = "cut"
        try:
            await self.wait_for_turn(job)
            started_at = time.monotonic()
            await self.run_job(job)
            outcome = "succeeded"
        except asyncio.CancelledError:
            raise Interrupted from None
        except Exception as error:
            if isinstance(error, Hold) or job.attempts + 1 >= self.max_attempts:
                outcome = "held"
                raise
            outcome = "retried"
            raise self.request_retry(job, error) from error
        finally:
            del self.running.tasks[job.id]
            self.running.overdue.discard(job.id)
            self.report(outcome, time.monotonic() - started_at)

    async def wait_for_turn(self, job: models.Job) -> None:
        """Wait until the job may begin: alone, if it is suspected of killing workers."""
        alone = upkeep.is_suspect(job, self.max_attempts)
        await self.running.enter(job.id, alone=alone)
        if alone:
            await self.driver.execute(upkeep.MARK_ALONE, job.id)

    async def run_job(self, job: models.Job) -> None:
        """Run a job in the trace of the request that enqueued it."""
        waited = datetime.now(UTC) - max(job.created, job.execute_after)
        get_job_metrics().wait.labels(self.job.name).observe(max(0.0, waited.total_seconds()))
        headers = {name: str(value) for name, value in (job.headers or {}).items()}
        context.begin_work(headers.get(REQUEST_ID, ""), self.timeout)
        traces = tracing.active_traces.get()
        span = traces.job(self.job.name, job.id, headers) if traces else nullcontext()
        with span:
            await self.call_handler(job, self.decode_argument(job))

    def decode_argument(self, job: models.Job) -> Any:
        """Return the argument of a job. Raises `Hold`: a retry could not read it either."""
        try:
            return msgspec.json.decode(job.payload or b"", type=self.job.argument)
        except msgspec.DecodeError as error:
            wanted = self.job.argument.__name__
            raise Hold(f"Its argument is not a valid {wanted}: {error}") from error

    async def call_handler(self, job: models.Job, argument: Any) -> None:
        """Call the handler within its timeout, and raise only what PgQueuer can record."""
        latest_end = self.timeout + self.options.grace
        loop = asyncio.get_running_loop()
        overdue = loop.call_later(latest_end, self.running.overdue.add, job.id)
        try:
            with (
                TimeLimit(self.running.deadlines, self.timeout),
                get_job_metrics().running.labels(self.job.name).track_inprogress(),
            ):
                await self.handler(argument, job_id=job.id, attempt=job.attempts + 1)
        except DeadlineError as error:
            text = f"It took longer than {self.timeout:g} s, the timeout of this job."
            raise TimeoutError(text) from error
        except asyncio.CancelledError as error:
            if self.running.is_interrupted:
                raise
            text = "It was cancelled, or waited for something that was cancelled."
            raise RuntimeError(text) from error
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if isinstance(error, Exception) and has_text(error):
                raise
            raise make_recordable(error) from error
        finally:
            overdue.cancel()

    def request_retry(self, job: models.Job, error: Exception) -> RetryRequested:
        """Return the exception by which PgQueuer retries the job, after a pause that doubles."""
        pause = min(self.options.backoff * 2**job.attempts, self.options.max_backoff)
        attempt = job.attempts + 1
        log.warning(
            "job failed", attempt=attempt, of=self.max_attempts, again_in=pause, exc_info=error
        )
        return RetryRequested(timedelta(seconds=pause), shorten_text(str(error)))

    def report(self, outcome: str, seconds: float) -> None:
        """Count and log a run that ended."""
        get_job_metrics().runs.labels(self.job.name, outcome).inc()
        get_job_metrics().run.labels(self.job.name).observe(seconds)
        write = log.error if outcome == "held" else log.info
        write("job run", outcome=outcome, seconds=round(seconds, 4))


def has_text(error: BaseException) -> bool:
    """Return whether `str(error)` works: a faulty class may raise."""
    try:
        str(error)
    except Exception:
        return False
    return True


def make_recordable(error: BaseException) -> Exception:
    """Return an exception of the same name, in place of one that PgQueuer could not record."""
    text = str(error) if has_text(error) else "Its text cannot be read."
    recordable: Exception = type(type(error).__name__, (Exception,), {})(text)
    return recordable
