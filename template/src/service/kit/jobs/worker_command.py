# kit: updated by the template; extend it from app.py
"""`service worker`: run the jobs of the service."""

import click

from service.kit.jobs import options
from service.kit.server import cli, configure_logs, read_settings

MISSING = """\
This service does not say yet how its worker is made. Add to app.py

    JOBS: tuple[Job | Schedule, ...] = ()

    def create_worker() -> Worker:
        settings = read_settings(Settings)
        configure_logs(settings.log)
        db = Database(settings.jobs.share(settings.database))
        return Worker(JOBS, settings.jobs, settings, resources=[db], dependencies={"db": db})

to settings.py `jobs: JobOptions = JobOptions()`, and to __main__.py `worker="service.app:create_worker"`.
The names come from service.kit.jobs."""


@click.command(name="worker")
@click.pass_obj
def run_worker(wiring: cli.Wiring) -> None:
    """Run jobs, JOBS_CONCURRENCY at once, until told to stop.

    Start as many as you like, on as many machines: each job is taken by one of them. A worker process that dies, or
    loses PostgreSQL, is replaced. SIGTERM lets the jobs finish; what is unfinished after JOBS_DRAIN_TIMEOUT goes back
    to the queue.
    """
    from service.kit.jobs import supervisor

    if wiring.worker is None:
        raise click.ClickException(MISSING)
    settings = read_settings(wiring.settings)
    configure_logs(settings.log)
    cli.check_capacity(settings, "jobs run as soon as the database is there")
    supervisor.supervise(wiring.worker, options.find(settings), settings.metrics, settings.watchdog)
