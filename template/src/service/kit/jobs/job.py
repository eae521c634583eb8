# kit: updated by the template; extend it from app.py
"""What a slice declares: its jobs, each with its handler and its bounds, and which of them begin by the clock."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class Hold(Exception):
    """Raised by a handler: trying again would not help. The job is held at once, with this message."""


@dataclass(frozen=True)
class Job[Argument: msgspec.Struct]:
    """A kind of work.

    `handler` is an async function. Its first parameter takes the argument; every other one is handed over by its name:
    `job_id`, `attempt` (1 at the first run), and the dependencies that app.py gives to the worker. It may run more than
    once, even after it succeeded: see `once`.

    A run that raises, or takes more than `timeout` seconds, is tried again after a growing pause, `attempts` times in
    all; then the job is held. No more than `concurrency` run at once over all workers; 0 is no bound. What is None here
    is JOBS_ATTEMPTS or JOBS_TIMEOUT. The name is stored with each job: a new name is a new job.
    """

    name: str
    argument: type[Argument]
    handler: Callable[..., Awaitable[None]]
    attempts: int | None = None
    concurrency: int = 0
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r}: name a job in lower case, with its slice, like orders.send_receipt")
        bounds = [bound for bound in (self.attempts, self.timeout) if bound is not None]
        if self.concurrency < 0 or min(bounds, default=1) <= 0:
            raise ValueError(f"{self.name}: attempts and timeout are more than 0, concurrency is 0 or more")


@dataclass(frozen=True)
class Schedule[Argument: msgspec.Struct]:
    """A job that is enqueued by the clock, once for all workers: `cron` has five fields, in UTC.

    Times that pass while no worker runs are caught up on by one run, not by one for each.
    """

    cron: str
    job: Job[Argument]
    argument: Argument
