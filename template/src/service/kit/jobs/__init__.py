# kit: updated by the template; extend it from app.py
"""Work that outlives the process that asked for it: jobs, enqueued in a slice's transactions.

A committed job runs at least once, on whichever worker is free; a rolled-back one never. PgQueuer
keeps the queue, in the same PostgreSQL. `supervisor.py` keeps a process of `consumer.py` running;
`runner.py` runs a job, and decides on its retry; `statements.py` records its outcome; `upkeep.py`
recovers the jobs of dead workers. Only the worker and its commands import PgQueuer.
Imports server, db and work.
"""

from service.kit.jobs.job import Hold, Job, JobOptions, Schedule, Worker
from service.kit.jobs.queue import begin_once, enqueue, enqueue_all
from service.kit.renamed import find_renamed

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

__getattr__ = find_renamed(__name__)
