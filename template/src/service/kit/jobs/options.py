# kit: updated by the template; extend it from app.py
"""How many jobs run at once, how often they are tried, and how long anything may take."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from service.kit.db import DatabaseOptions
from service.kit.edge import Lifetime, Seconds
from service.kit.server import KitSettings


class JobOptions(BaseModel, frozen=True):
    """JOBS_*: what one worker takes on, how often a job is tried, and how the worker stops."""

    concurrency: Annotated[int, Field(ge=2, le=500, description="jobs that one worker runs at once")] = 10
    batch: Annotated[int, Field(ge=1, le=250, description="jobs fetched at once; at most half of those it runs")] = 5
    pool_size: Annotated[
        int | None, Field(ge=1, le=500, description="connections of one worker for its jobs; by default one for each")
    ] = None
    attempts: Annotated[int, Field(ge=1, le=100, description="runs of a job that keeps failing, then it is held")] = 5
    backoff: Annotated[Lifetime, Field(description="seconds before the second run, doubled for each further one")] = 2
    max_backoff: Annotated[Lifetime, Field(description="the longest such pause, in seconds")] = 300
    timeout: Annotated[Lifetime, Field(description="seconds that one run of a job may take")] = 300
    heartbeat: Annotated[
        float, Field(ge=1, le=3600, description="seconds without a sign of life, then another worker takes the job")
    ] = 30
    poll_interval: Annotated[Seconds, Field(description="seconds between looks at an empty queue")] = 0.5
    keep_days: Annotated[int, Field(ge=1, le=3650, description="days that the record of a job is kept")] = 7
    drain_timeout: Annotated[Seconds, Field(description="seconds to finish jobs, then they go back to the queue")] = 12
    kill_timeout: Annotated[Seconds, Field(description="seconds to finish and close, then the worker is killed")] = 15

    @model_validator(mode="after")
    def check(self) -> Self:
        """Refuse what PgQueuer would refuse later, and a stop without time to close."""
        if 2 * self.batch > self.concurrency:
            raise ValueError(f"set JOBS_BATCH ({self.batch}) to at most half of JOBS_CONCURRENCY ({self.concurrency})")
        if self.drain_timeout >= self.kill_timeout:
            ends = f"JOBS_DRAIN_TIMEOUT ({self.drain_timeout:g}) < JOBS_KILL_TIMEOUT ({self.kill_timeout:g})"
            raise ValueError(f"each deadline must be shorter than the next: {ends}")
        return self

    @property
    def connections_beside(self) -> int:
        """How many connections a worker opens: those of its jobs, and the one that it hears of them on."""
        return (self.pool_size or self.concurrency) + 1

    def share(self, database: DatabaseOptions) -> DatabaseOptions:
        """Return the options of the pool that the jobs of one worker share."""
        return database.model_copy(update={"pool_size": self.pool_size or self.concurrency})


def find(settings: KitSettings) -> JobOptions:
    """Return the options in the service's settings, or the defaults where settings.py does not have them."""
    return getattr(settings, "jobs", JobOptions())
