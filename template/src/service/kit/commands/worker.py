# kit: updated by the template; extend it from app.py
"""`service worker`: run jobs until SIGTERM."""

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.startup import prepare_process
from service.kit.jobs.job import JobOptions
from service.kit.jobs.supervisor import keep_consumer_running
from service.kit.server.supervision import supervise

NO_WORKER = """\
This service does not say yet how its worker is made. Import JobOptions and Worker from
service.kit.jobs, add the field `jobs: JobOptions = JobOptions()` to Settings, and to app.py:

JOBS = ()

def create_worker() -> Worker:
    settings = read_settings(Settings)
    configure_logs(settings.log)
    db = Database(settings.jobs.share(settings.database))
    return Worker(JOBS, settings.jobs, settings, provide=[db], resources=[db])"""


@click.command(name="worker")
@click.pass_obj
def run_worker(definition: ServiceDefinition) -> None:
    """Run jobs, JOBS_CONCURRENCY at once, until SIGTERM.

    Start any number, on any number of machines: each job is taken by one of them. A worker process
    that dies, or loses PostgreSQL, is replaced. SIGTERM lets the jobs finish; those unfinished
    after JOBS_DRAIN_TIMEOUT are requeued.
    """
    if definition.worker is None:
        raise click.ClickException(NO_WORKER)
    settings = prepare_process(definition, "jobs run as soon as the database is there")
    options = getattr(settings, "jobs", JobOptions())
    with supervise(settings.metrics, settings.watchdog) as supervision:
        keep_consumer_running(definition.worker, options.kill_timeout, supervision)
