# kit: updated by the template; extend it from app.py
"""Work that survives the process that asked for it: a slice declares jobs, and enqueues them in its transactions.

A committed job runs at least once, on whichever worker is free; a rolled-back one never. PgQueuer keeps the queue, in
tables of the same PostgreSQL. `service worker` runs the jobs; only its process imports PgQueuer.
"""

from service.kit.jobs.job import Hold, Job, Schedule
from service.kit.jobs.options import JobOptions
from service.kit.jobs.queue import enqueue, enqueue_all, once
from service.kit.jobs.worker import Worker

__all__ = ["Hold", "Job", "JobOptions", "Schedule", "Worker", "enqueue", "enqueue_all", "once"]
