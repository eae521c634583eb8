# kit: updated by the template; extend it from app.py
"""Running one job: its argument is decoded, its handler called within its time, and its outcome
decided and logged.
"""

import asyncio
import time
from collections.abc import Iterable
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
from service.kit.jobs.queue import REQUEST_ID, meters
from service.kit.server.logs import shorten_text
from service.kit.work import context, tracing
from service.kit.work.limits import DeadlineError, Deadlines, TimeLimit

log = structlog.get_logger()


class Interrupted(BaseException):
    """The worker cut a run short. PgQueuer deletes a job that is cancelled, but leaves one that
    raises this alone.

    No handler raises it, and no `except Exception` in a handler swallows it.
    """


class RunningJobs:
    """Where jobs run: side by side, or one that has the floor to itself.

    `tasks` holds them by their ids, `overdue` the ids of those that did not end when they were told
    to.
    """

    def __init__(self) -> None:
        self.tasks: dict[int, asyncio.Task[object]] = {}
        self.overdue: set[int] = set()
        self.begun: set[int] = set()  # until it is recorded what became of them
        self.alone: int | None = None
        self.turn = asyncio.Lock()  # in order of arrival
        self.left = asyncio.Event()
        self.deadlines = Deadlines()
        self.is_cut = False

    async def enter(self, job_id: int, *, alone: bool) -> None:
        """Return when a job may begin: one that runs `alone`, once all others are done and
        recorded.

        If the process dies while a job runs alone, no other can be the cause, and none that is done
        runs again.
        """
        async with self.turn:
            while self.alone is not None or (alone and self.begun):
                self.left.clear()
                await self.left.wait()
            self.begun.add(job_id)
            self.alone = job_id if alone else None

    def leave(self, ids: Iterable[int]) -> None:
        """Note that it is recorded what became of these jobs."""
        self.begun.difference_update(ids)
        if self.alone not in self.begun:
            self.alone = None
        self.left.set()

    def list_names(self, ids: Iterable[int]) -> list[str]:
        """Return the names of jobs, with their ids."""
        return [self.tasks[each].get_name() for each in ids]

    def cut(self, why: str) -> None:
        """Cancel all jobs: they stay in the queue."""
        self.is_cut = True
        if self.tasks:
            log.warning(why, jobs=self.list_names(self.tasks))
        for task in self.tasks.values():
            task.cancel()


class Runner(AbstractEntrypointExecutor):
    """Runs one kind of job for PgQueuer, which puts back what raises `RetryRequested`, and holds
    what else raises.
    """

    def __init__(self, job: Job[Any], worker: Worker, driver: Driver, floor: RunningJobs) -> None:
        self.job = job
        self.handler = worker.handlers[job.name]
        super().__init__(
            EntrypointExecutorParameters(job.concurrency, self.handler, on_failure="hold")
        )
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
        alone = upkeep.is_suspect(job, self.attempts)
        began, outcome = time.monotonic(), "cut"
        try:
            await self.floor.enter(job.id, alone=alone)
            began = time.monotonic()
            if alone:
                await self.driver.execute(upkeep.RUN_ALONE, job.id)
            await self.call(job)
            outcome = "succeeded"
        except asyncio.CancelledError:
            raise Interrupted from None
        except Exception as error:
            if isinstance(error, Hold) or job.attempts + 1 >= self.attempts:
                outcome = "held"
                raise
            outcome = "retried"
            pause = min(self.options.backoff * 2**job.attempts, self.options.max_backoff)
            log.warning(
                "job failed",
                attempt=job.attempts + 1,
                of=self.attempts,
                again_in=pause,
                exc_info=error,
            )
            raise RetryRequested(timedelta(seconds=pause), shorten_text(str(error))) from error
        finally:
            del self.floor.tasks[job.id]
            self.floor.overdue.discard(job.id)
            self.tell(outcome, time.monotonic() - began)

    async def call(self, job: models.Job) -> None:
        """Call the handler, in the trace of the request that enqueued the job."""
        waited = datetime.now(UTC) - max(job.created, job.execute_after)
        meters().wait.labels(self.job.name).observe(max(0.0, waited.total_seconds()))
        headers = {name: str(value) for name, value in (job.headers or {}).items()}
        context.begin_work(headers.get(REQUEST_ID, ""), self.timeout)
        traces = tracing.active_traces.get()
        with traces.job(self.job.name, headers) if traces else nullcontext():
            await self.handle(job)

    async def handle(self, job: models.Job) -> None:
        """Call the handler within its time."""
        try:
            argument = msgspec.json.decode(job.payload or b"", type=self.job.argument)
        except (
            msgspec.DecodeError,
            msgspec.ValidationError,
        ) as error:  # it cannot be read at the next attempt either
            raise Hold(f"Its argument is no {self.job.argument.__name__}: {error}") from error
        latest = self.timeout + self.options.grace
        late = asyncio.get_running_loop().call_later(latest, self.floor.overdue.add, job.id)
        try:
            with (
                TimeLimit(self.floor.deadlines, self.timeout),
                meters().running.labels(self.job.name).track_inprogress(),
            ):
                await self.handler(argument, job_id=job.id, attempt=job.attempts + 1)
        except DeadlineError as error:
            text = f"It took longer than {self.timeout:g} s, the timeout of this job."
            raise TimeoutError(text) from error
        except asyncio.CancelledError as error:
            if self.floor.is_cut:
                raise
            text = "It was cancelled, or waited for something that was cancelled."
            raise RuntimeError(text) from error
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if isinstance(error, Exception) and is_readable(error):
                raise
            raise make_recordable(error) from error
        finally:
            late.cancel()

    def tell(self, outcome: str, seconds: float) -> None:
        meters().runs.labels(self.job.name, outcome).inc()
        meters().run.labels(self.job.name).observe(seconds)
        (log.error if outcome == "held" else log.info)(
            "job run", outcome=outcome, seconds=round(seconds, 4)
        )


def is_readable(error: BaseException) -> bool:
    """Return whether an error has a text. The one of a faulty class raises instead."""
    try:
        str(error)
    except Exception:
        return False
    return True


def make_recordable(error: BaseException) -> Exception:
    """Return an exception of the same name, for an error that PgQueuer would fail to record."""
    text = str(error) if is_readable(error) else "Its text cannot be read."
    stand_in: Exception = type(type(error).__name__, (Exception,), {})(text)
    return stand_in
