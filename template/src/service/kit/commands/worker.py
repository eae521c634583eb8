# kit: updated by the template; extend it from app.py
"""`service worker`: run jobs until told to stop."""

import click

from service.kit.commands import cli
from service.kit.jobs.job import JobOptions
from service.kit.jobs.supervisor import keep_consumer_running
from service.kit.server.logs import configure_logs
from service.kit.server.settings import read_settings
from service.kit.server.supervision import supervise

MISSING = """\
This service does not say yet how its worker is made. Import JobOptions and Worker from service.kit.jobs, add the field
`jobs: JobOptions = JobOptions()` to Settings, and to app.py:

JOBS = ()

def create_worker() -> Worker:
    settings = read_settings(Settings)
    configure_logs(settings.log)
    db = Database(settings.jobs.share(settings.database))
    return Worker(JOBS, settings.jobs, settings, provide=[db], resources=[db])"""


@click.command(name="worker")
@click.pass_obj
def run_worker(wiring: cli.Wiring) -> None:
    """Run jobs, JOBS_CONCURRENCY at once, until told to stop.

    Start any number, on any number of machines: each job is taken by one of them. A worker process
    that dies, or loses PostgreSQL, is replaced. SIGTERM lets the jobs finish; those unfinished
    after JOBS_DRAIN_TIMEOUT are requeued.
    """
    if wiring.worker is None:
        raise click.ClickException(MISSING)
    settings = read_settings(wiring.settings)
    configure_logs(settings.log)
    cli.check_capacity(settings, "jobs run as soon as the database is there")
    options = getattr(settings, "jobs", JobOptions())
    watch = settings.watchdog
    with supervise(settings.metrics, watch.stuck, watch.lag) as supervision:
        keep_consumer_running(wiring.worker, options.kill_timeout, supervision)
