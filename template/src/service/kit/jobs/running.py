# kit: updated by the template; extend it from app.py
"""The jobs that run in this process: many at once, or one alone if it may crash the process."""

import asyncio
from collections.abc import Iterable

import structlog

from service.kit.work.limits import Deadlines

log = structlog.get_logger()


class Interrupted(BaseException):
    """The worker interrupted a run: the job stays in the queue, and runs again.

    PgQueuer deletes a job whose task is cancelled, but leaves alone one that raises this. It is not
    an `Exception`, so no `except Exception` in a handler swallows it.
    """


class RunningJobs:
    """The jobs under way, by their ids.

    `tasks` has the task of each; `overdue` those that did not end when they were cancelled at their
    timeout.
    """

    def __init__(self) -> None:
        self.tasks: dict[int, asyncio.Task[object]] = {}
        self.overdue: set[int] = set()
        self.is_interrupted = False
        self.deadlines = Deadlines()
        self.unrecorded: set[int] = set()  # started, and without an outcome in the database
        self.alone: int | None = None
        self.entry = asyncio.Lock()  # first come, first served
        self.recorded = asyncio.Event()

    async def enter(self, job_id: int, *, alone: bool) -> None:
        """Return when a job may begin: one that runs `alone`, once all others are recorded.

        If the process dies while a job runs alone, no other job can be the cause, and none that is
        done runs again.
        """
        async with self.entry:
            while self.alone is not None or (alone and self.unrecorded):
                self.recorded.clear()
                await self.recorded.wait()
            self.unrecorded.add(job_id)
            if alone:
                self.alone = job_id

    def mark_recorded(self, ids: Iterable[int]) -> None:
        """Note that the outcomes of these jobs are in the database."""
        self.unrecorded.difference_update(ids)
        if self.alone not in self.unrecorded:
            self.alone = None
        self.recorded.set()

    def name_jobs(self, ids: Iterable[int]) -> list[str]:
        """Return the names of jobs, with their ids."""
        return [self.tasks[job_id].get_name() for job_id in ids]

    def interrupt_all(self, reason: str) -> None:
        """Cancel all jobs. They stay in the queue."""
        self.is_interrupted = True
        if self.tasks:
            log.warning(reason, jobs=self.name_jobs(self.tasks))
        for task in self.tasks.values():
            task.cancel()
