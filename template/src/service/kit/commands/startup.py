# kit: updated by the template; extend it from app.py
"""The first steps of `service serve` and `service worker`: settings, logs, the database."""

import asyncio

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.db.capacity import check_capacity
from service.kit.db.errors import UnreachableError
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings


def prepare_process(definition: ServiceDefinition, meanwhile: str) -> KitSettings:
    """Return all settings. Raises `CommandError` if one is wrong, or connections are too few.

    An unreachable database is a warning: `meanwhile` says what the process does until it is back.
    """
    settings = read_settings(definition.settings)
    configure_logs(settings.log)
    workers = settings.server.workers
    others = settings.count_worker_connections()
    try:
        asyncio.run(check_capacity(settings.database, workers, others))
    except UnreachableError as error:
        click.echo(f"Warning: {error}\nStarting anyway: {meanwhile}.", err=True)
    return settings
