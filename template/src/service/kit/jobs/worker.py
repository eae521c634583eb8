# kit: updated by the template; extend it from app.py
"""What app.py says of the worker: the jobs that it runs, and what it opens for them."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from service.kit.jobs.job import Job, Schedule
from service.kit.jobs.options import JobOptions
from service.kit.server import KitSettings

OURS = frozenset(("job_id", "attempt"))
"""What a handler may ask for by name besides the dependencies."""


class Worker:
    """The jobs and schedules of the service, and what they need. kit/jobs/consumer.py runs them.

    `resources` are opened in order before the first job and closed in reverse after the last. `dependencies` are handed
    to each handler that has a parameter of their name. Raises `TypeError` for a handler that wants something else, and
    `ValueError` for a name that two jobs have.
    """

    def __init__(
        self,
        declared: Sequence[Job[Any] | Schedule[Any]],
        options: JobOptions,
        settings: KitSettings,
        resources: Sequence[AbstractAsyncContextManager[object]] = (),
        dependencies: Mapping[str, object] | None = None,
    ) -> None:
        self.schedules = [item for item in declared if isinstance(item, Schedule)]
        self.jobs = name_jobs([item.job if isinstance(item, Schedule) else item for item in declared])
        self.options = options
        self.settings = settings
        self.resources = resources
        self.dependencies = dependencies or {}
        for job in self.jobs.values():
            find_parameters(job, self.dependencies)


def name_jobs(jobs: Sequence[Job[Any]]) -> dict[str, Job[Any]]:
    """Return each job by its name, once, however often it is scheduled. Raises `ValueError`."""
    named: dict[str, Job[Any]] = {}
    for job in jobs:
        if named.setdefault(job.name, job) is not job:
            raise ValueError(f"two jobs are called {job.name}; name one of them differently")
    return named


def find_parameters(job: Job[Any], dependencies: Mapping[str, object]) -> list[str]:
    """Return the names of what a handler wants besides its argument. Raises `TypeError` when it cannot be had."""
    if not inspect.iscoroutinefunction(job.handler):
        raise TypeError(f"the handler of {job.name} must be an async function; `offload` runs what blocks")
    _, *wanted = inspect.signature(job.handler).parameters
    if unknown := set(wanted) - OURS - set(dependencies):
        offered = ", ".join(sorted({*OURS, *dependencies}))
        raise TypeError(f"the handler of {job.name} asks for {', '.join(sorted(unknown))}; there is {offered}")
    return wanted
