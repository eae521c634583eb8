# kit: updated by the template; extend it from app.py
"""Work that outlives the process that asked for it: a slice declares jobs, and enqueues them in its
transactions.

A committed job runs at least once, on whichever worker is free; a rolled-back one never. PgQueuer
keeps the queue, in the same PostgreSQL. `service worker` keeps a process of `consumer.py` running;
`runner.py` runs a job, and retries or holds it; `statements.py` records what became of it;
`upkeep.py` recovers those of dead workers. Only commands import PgQueuer. May import server, db and
edge.
"""

from service.kit.jobs.job import Hold, Job, JobOptions, Schedule, Worker
from service.kit.jobs.queue import begin_once, enqueue, enqueue_all

__all__ = [
    "Hold",
    "Job",
    "JobOptions",
    "Schedule",
    "Worker",
    "begin_once",
    "enqueue",
    "enqueue_all",
]
