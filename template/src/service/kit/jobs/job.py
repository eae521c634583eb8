# kit: updated by the template; extend it from app.py
"""What slices and app.py declare: jobs with their handlers, schedules, and the worker."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any, Self

import msgspec
from pydantic import BaseModel, Field, model_validator

from service.kit.db.sessions import DatabaseOptions
from service.kit.server.settings import KitSettings
from service.kit.work.arguments import Binder, Provided, Reader
from service.kit.work.options import Lifetime, Seconds, check_nesting

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

NAMED: Mapping[str, Reader] = {name: itemgetter(name) for name in ("job_id", "attempt")}
"""What handlers and providers may ask for by its name."""

type Handler = Callable[..., Awaitable[None]]


class Hold(Exception):
    """Raise it in a handler when a retry would not help: the job is held, with this message."""


@dataclass(frozen=True)
class Job[Argument: msgspec.Struct]:
    """A kind of work. Its name is stored with each queued job: a new name is a new kind.

    `handler` is an async function. Its first parameter is the argument; the others are filled in by
    type from what app.py provides, and by name: `job_id`, `attempt` (1 at the first run). A job may
    run more than once, even after it succeeded: see `begin_once`.

    A run that raises, or takes more than `timeout` seconds, is retried after a growing pause, up to
    `attempts` runs in all; then the job is held. At most `concurrency` run at once over all
    workers; 0 is no limit. None stands for JOBS_ATTEMPTS and JOBS_TIMEOUT.
    """

    name: str
    argument: type[Argument]
    handler: Handler
    attempts: int | None = None
    concurrency: int = 0
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            advice = "name a job in lower case, with its slice, like orders.send_receipt"
            raise ValueError(f"{self.name!r}: {advice}")
        has_no_attempt = self.attempts is not None and self.attempts <= 0
        has_no_time = self.timeout is not None and self.timeout <= 0
        if has_no_attempt or has_no_time or self.concurrency < 0:
            advice = "attempts and timeout must be more than 0, concurrency 0 or more"
            raise ValueError(f"{self.name}: {advice}")


@dataclass(frozen=True)
class Schedule[Argument: msgspec.Struct]:
    """A job that is enqueued on a schedule, once for all workers. `cron` has five fields, in UTC.

    If no worker was running at several of its times, one run catches up on all of them.
    """

    cron: str
    job: Job[Argument]
    argument: Argument


class JobOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """JOBS_*: how many jobs one worker runs, how often they are tried, and how the worker stops."""

    concurrency: Annotated[int, Field(ge=2, le=500)] = 10
    """jobs that one worker runs at once"""
    pool_size: Annotated[int | None, Field(ge=1, le=500)] = None
    """connections for the jobs of one worker; default: one per job"""
    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """runs of a job that keeps failing before it is held"""
    backoff: Lifetime = 2
    """seconds before the first retry, doubled for each further one"""
    max_backoff: Lifetime = 300
    """maximum pause before a retry, in seconds"""
    timeout: Lifetime = 300
    """seconds that one run of a job may take"""
    heartbeat: Annotated[float, Field(ge=1, le=3600)] = 30
    """seconds without a heartbeat after which others take a worker's jobs"""
    poll_interval: Seconds = 0.5
    """seconds between checks of an empty queue"""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 7
    """days that records of finished jobs are kept"""
    drain_timeout: Seconds = 12
    """seconds to finish jobs, then they are requeued"""
    kill_timeout: Seconds = 15
    """seconds to finish and close, then the worker is killed"""

    @model_validator(mode="after")
    def check_deadlines(self) -> Self:
        check_nesting(JOBS_DRAIN_TIMEOUT=self.drain_timeout, JOBS_KILL_TIMEOUT=self.kill_timeout)
        return self

    @property
    def grace(self) -> float:
        """Seconds that a cancelled job has to end.

        The rest is for returning the jobs to the queue before the supervisor kills the process.
        """
        return 0.6 * (self.kill_timeout - self.drain_timeout)

    @property
    def connections_beside(self) -> int:
        """How many connections a worker opens: those of its jobs, and one for the queue."""
        return (self.pool_size or self.concurrency) + 1

    def share(self, database: DatabaseOptions) -> DatabaseOptions:
        """Return the options of the pool that the jobs of one worker share."""
        return database.model_copy(update={"pool_size": self.pool_size or self.concurrency})


class Worker:
    """The jobs and schedules of the service, and what their handlers need.

    `provide` holds what handlers may ask for by type: objects, and providers, which are called once
    for each run of a job that needs them, and may ask for `job_id` and `attempt`. `resources` are
    opened in order before the first job and closed in reverse after the last. Raises `TypeError`
    for a handler that asks for something else, and `ValueError` for a name that two jobs have.
    """

    def __init__(
        self,
        declared: Sequence[Job[Any] | Schedule[Any]],
        options: JobOptions,
        settings: KitSettings,
        *,
        provide: Sequence[object] = (),
        resources: Sequence[AbstractAsyncContextManager[object]] = (),
    ) -> None:
        self.schedules = [item for item in declared if isinstance(item, Schedule)]
        self.jobs: dict[str, Job[Any]] = {}
        for item in declared:
            job = item.job if isinstance(item, Schedule) else item
            if self.jobs.setdefault(job.name, job) is not job:
                raise ValueError(f"two jobs are called {job.name}; rename one of them")
        provided = Provided(provide)
        self.handlers = {name: bind_handler(job, provided) for name, job in self.jobs.items()}
        self.options = options
        self.settings = settings
        self.resources = resources


def bind_handler(job: Job[Any], provided: Provided) -> Handler:
    """Return the handler of a job, which needs its argument and, by name, `job_id` and `attempt`.

    All else is what app.py provides.
    """
    if not inspect.iscoroutinefunction(job.handler):
        advice = "must be an async function; `offload` runs what blocks"
        raise TypeError(f"the handler of {job.name} {advice}")
    [first, *_] = inspect.signature(job.handler).parameters
    binder = Binder(provided, lambda name, _: NAMED.get(name))
    try:
        call = binder.bind(job.handler, **{first: itemgetter("argument")})
    except TypeError as error:
        raise TypeError(f"the handler of {job.name}, {error}") from None

    def handle(argument: msgspec.Struct, **values: int) -> Awaitable[None]:
        return call.run({"argument": argument, **values})

    return handle
