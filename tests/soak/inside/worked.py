"""The worker as `service worker` runs it, with jobs that do harm beside its own: `python -m soak.worked worker`."""

from service import app
from service.kit.commands import cli
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.database import Database
from service.kit.jobs.job import Worker
from service.settings import Settings
from soak import poison


def create_worker() -> Worker:
    """Return the service's own worker, with more jobs."""
    worker = app.create_worker()
    db = next(resource for resource in worker.resources if isinstance(resource, Database))
    more = Worker(poison.JOBS, worker.options, worker.settings, provide=[db])
    worker.jobs |= more.jobs
    worker.handlers |= more.handlers
    return worker


if __name__ == "__main__":
    cli.service(obj=ServiceDefinition(Settings, (), "", f"{__spec__.name}:create_worker"))
